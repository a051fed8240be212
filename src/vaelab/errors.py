"""The error that a user's input causes, and the words that help to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Input that cannot be used: one line with its name, its value and the remedy.

    The command line prints the message and exits with code 2; in Python it is a `ValueError`.

    Args:
        message: the whole line, or the part before the remedy.
        python: the remedy in Python's words, such as `resume=True`.
        flags: the same remedy on the command line, such as `--resume`.

    >>> remedies = {"python": "continue it with resume=True", "flags": "continue it with --resume"}
    >>> error = UserError("runs/x holds a run", **remedies)
    >>> str(error), error.on_command_line
    ('runs/x holds a run; continue it with resume=True', 'runs/x holds a run; continue it with --resume')
    """

    def __init__(self, message: str, *, python: str = "", flags: str = "") -> None:
        super().__init__(f"{message}; {python}" if python else message)
        self.on_command_line = f"{message}; {flags}" if flags else str(self)
        """The message as the command line prints it."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that is closest to a mistyped one, as the end of a message; empty if none is close.

    >>> did_you_mean("vampp", ["vamp", "flow"])
    '; did you mean vamp?'
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
