"""The error that a user's input causes, and the words that help to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Characters of a value that a message shows.
_BRIEF = 100


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


def reason(error: BaseException) -> str:
    """The type and the first line of another library's error.

    >>> reason(KeyError("x"))
    "KeyError: 'x'"
    """
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def brief(value: object) -> str:
    """A value in one short line; an array or a tensor by its type and shape.

    >>> brief([1.5, "text"])
    "[1.5, 'text']"
    """
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape):
        return f"{type(value).__name__} of shape {tuple(shape)}"
    if isinstance(value, list | tuple) and any(getattr(each, "shape", ()) for each in value):
        return f"({', '.join(map(brief, value))})"
    text = " ".join(repr(value).split())
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that is closest to a mistyped one, as the end of a message; empty if none is close.

    >>> did_you_mean("vampp", ["vamp", "flow"])
    '; did you mean vamp?'
    """
    close = difflib.get_close_matches(word, [other for other in known if other != word], n=1)
    return f"; did you mean {close[0]}?" if close else ""
