"""From words to the function that answers them, with help and one-line errors at every level."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tyro

from vaelab.errors import UserError

# Flags of a nested part may stand anywhere, and a switch is one flag, not a pair.
_CONFIG = (tyro.conf.CascadeSubcommandArgs, tyro.conf.FlagCreatePairsOff)

Command = Callable[[str, list[str]], None]


def dispatch(
    prog: str,
    summary: str,
    commands: Mapping[str, Command],
    words: Sequence[str],
    note: str = "",
    noun: str = "command",
) -> None:
    """Run the command that the first word names with the words after it.

    Each command's docstring begins with its line of help.

    Raises:
        UserError: there is no such command.
    """
    if not words or words[0] in ("-h", "--help"):
        width = max(map(len, commands))
        print(f"usage: {prog} {noun.upper()} ...\n\n{summary}\n")
        for name, command in commands.items():
            print(f"  {name:<{width}}  {(command.__doc__ or '').splitlines()[0]}")
        print(f"\n{note or f'{prog} {noun.upper()} --help tells more of each.'}")
        return
    if words[0] not in commands:
        raise UserError(f"{noun} is {words[0]!r}, but {prog} has: {', '.join(commands)}; see {prog} --help")
    commands[words[0]](f"{prog} {words[0]}", list(words[1:]))


def parse(function: Callable[..., Any], prog: str, words: Sequence[str], **options: Any) -> Any:
    """Call a function, or build a dataclass, with arguments read from flags.

    Raises:
        UserError: a flag is unknown, missing or has an unsuitable value.
    """

    @functools.wraps(function)
    def later(*arguments: Any, **flags: Any) -> Callable[[], Any]:
        return lambda: function(*arguments, **flags)

    # Only the reading of flags speaks in boxes; what the command itself says goes where it belongs.
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            ready = tyro.cli(
                function if isinstance(function, type) else later,
                prog=prog,
                args=list(words),
                config=_CONFIG,
                **options,
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(f"{_one_line(complaint.getvalue())}; see {prog} --help") from None
    return ready if isinstance(function, type) else ready()


def _one_line(box: str) -> str:
    """The first paragraph of a framed message: tyro explains in a box of many lines."""
    paragraph = []
    for line in box.splitlines()[1:]:
        text = line.strip("│╭╰╮╯ ")
        if not text or set(text) <= {"─"}:
            break
        paragraph.append(text)
    return " ".join(paragraph) or "the command line cannot be read"
