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
    line = in_front(["--help" if word in HELP else word for word in words], known)
    refuse_empty(line, known)
    options: dict[str, Any] = {} if default is None else {"default": default}
    # tyro explains in a box of many lines, of which one line is made.
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            chosen: T = tyro.cli(command, prog=prog, args=line, config=_CONFIG, **options)
    except UserError as error:
        raise UserError(by_flag(str(error), known)) from None
    except SystemExit as stop:
        if stop.code:
            says = explain(line, known, _paragraph(complaint.getvalue()))
            raise UserError(says if "did you mean" in says else f"{says}; see {prog} --help") from None
        if notes:
            print(f"\n{notes}")
        raise
    return chosen


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
