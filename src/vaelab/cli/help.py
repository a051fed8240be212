"""The help of `vaelab train`: common flags first, then the words that choose parts."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from vaelab.cli.flags import Flag, Grammar, Room, default_text, grammar

WIDTH = 80


def print_help(prog: str, title: str, default: Any, common: Sequence[str], words: Sequence[str] = ()) -> None:
    """Print the help of a command that trains.

    Args:
        prog: the words that led to it.
        title: a line about it.
        default: the command with its defaults.
        common: fields whose flags come first.
        words: the words given with `--help`; the flags of those that choose a part are listed.
    """
    known = grammar(type(default), default)
    given = {word for word in words if word in known.words}
    by_name = {flag.name: flag for flag in known.flags if known.active(flag.needs, given)}
    names = [f"--{off}{name.replace('_', '-')}" for name in common for off in ("", "no-")]
    print(f"usage: {prog} --out DIR [FLAGS] [WORDS]")
    print(textwrap.fill(f"{title[:1].upper()}{title[1:]}", WIDTH), end="\n\n")
    print("\n".join(flag_lines([by_name[name] for name in names if name in by_name])))
    print("\nWords choose parts, such as prior:mixture (* the default); `vaelab parts ROOM`")
    print("describes them and lists their fields:")
    print("\n".join(room_lines(known, given)))
    for word in sorted(given):
        print(f"\nFlags of {word}:")
        own = flag_lines([flag for flag in known.flags if flag.needs[-1:] == (word,)])
        print("\n".join(own) or "  none")
    print("\n--help-all lists every flag; --plugin MODULE brings parts of your own.")
    print("See `vaelab train --help` for --config and --resume.")


def flag_lines(flags: Sequence[Flag]) -> list[str]:
    """A line per flag: its name, its description, its default in brackets."""
    left = [f"  {flag.name} {flag.metavar}".rstrip() for flag in flags]
    width = max(map(len, left), default=0)
    lines = []
    for flag, start in zip(flags, left, strict=True):
        value = "" if flag.kind is bool else default_text(flag.default)
        end = f" ({value})" if value else ""
        lines.append(f"{start:<{width}}  {shortened(flag.help, WIDTH - width - 2 - len(end))}{end}".rstrip())
    return lines


def room_lines(known: Grammar, given: set[str]) -> list[str]:
    """The words of each room that is in use, by their names; `vaelab parts` describes them."""
    return [line for room in known.rooms if known.active(room.needs, given) for line in word_lines(room)]


def word_lines(room: Room) -> list[str]:
    """All words of a room."""
    names = [f"*{word.rpartition(':')[2]}" if word == room.default else word.rpartition(":")[2] for word in room.words]
    text = f"  {room.path or 'model'}: {', '.join(names)}"
    return textwrap.wrap(text, WIDTH, subsequent_indent="      ", break_on_hyphens=False)


def first_line(cls: Any) -> str:
    """The first line of a docstring, without the references in brackets at its end."""
    line = (cls.__doc__ or "").strip().split("\n")[0]
    return re.sub(r"\s*\([^()]*\d{4}[^()]*\)\.?$", "", line).rstrip(".")


def sentence(text: str) -> str:
    """The first sentence of a text, without its full stop."""
    return re.split(r"(?<=[a-z0-9)`])[.;](?:\s|$)", text, maxsplit=1)[0]


def shortened(text: str, width: int) -> str:
    """The text without its full stop, cut at a word if it is too long."""
    text = text.removesuffix(".") if not text.endswith("..") else text
    indent = len(text) - len(text.lstrip())
    return " " * indent + textwrap.shorten(text, width - indent, placeholder=" ...")
