"""From words to a command: flags by tyro, one line for a mistake."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any, TypeVar

import tyro

from vaelab.cli.dispatch import HELP
from vaelab.cli.flags import grammar
from vaelab.cli.near_misses import by_flag, explain, in_front, refuse_empty
from vaelab.errors import UserError

T = TypeVar("T")

# Flags of a nested part may stand anywhere, and a switch is one flag, not a pair.
_CONFIG = (tyro.conf.CascadeSubcommandArgs, tyro.conf.FlagCreatePairsOff)


def parse(command: type[T], prog: str, words: Sequence[str], default: T | None = None, notes: str = "") -> T:
    """The command that the words describe, or its help.

    Args:
        command: a dataclass whose fields are the flags.
        prog: the words that led to it.
        words: the words after them.
        default: an instance that gives the defaults.
        notes: text printed below the help.

    Raises:
        UserError: a flag is unknown, missing or has an unsuitable value.
        SystemExit: help was printed.
    """
    known = grammar(command, default)
    line = in_front(["--help" if word in HELP else _with_hyphens(word) for word in words], known)
    refuse_empty(line, known)
    options: dict[str, Any] = {} if default is None else {"default": default}
    # tyro explains in a box of many lines, of which one line is made.
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            # It would look through the flags of all parts for one like an unknown one, which takes seconds.
            parsed: tuple[T, list[str]] = tyro.cli(
                command, prog=prog, args=line, config=_CONFIG, return_unknown_args=True, **options
            )
    except UserError as error:
        raise UserError(by_flag(str(error), known)) from None
    except SystemExit as stop:
        if stop.code:
            raise _refusal(explain(line, known, complaint=_paragraph(complaint.getvalue())), prog) from None
        if notes:
            print(f"\n{notes}")
        raise
    chosen, unread = parsed
    if unread:
        raise _refusal(explain(line, known, unread=unread[0]), prog)
    return chosen


def _with_hyphens(word: str) -> str:
    """A flag as it is called, since `--batch_size` is taken as well."""
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value if word.startswith("--") else word


def _refusal(says: str, prog: str) -> UserError:
    """The sentence, with where help is unless it has a remedy."""
    return UserError(says if "did you mean" in says else f"{says}; see {prog} --help")


def _paragraph(box: str) -> str:
    """The first paragraph of a framed message; the frame is of ASCII if the output is not UTF-8."""
    lines: list[str] = []
    for line in box.splitlines()[1:]:
        text = line.strip("│╭╰╮╯ ")
        if text and not set(text) <= {"─", "-"}:
            lines.append(text)
        elif lines:
            break
    return " ".join(lines) or "the command line cannot be read"
