"""The error that a user's input causes, and the words that help to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Input that cannot be used: one line with its name, its value and the remedy.

    The command line prints the message and exits with code 2; in Python it is a `ValueError`.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that is closest to a mistyped one, as the end of a message; empty if none is close.

    >>> did_you_mean("vampp", ["vamp", "flow"])
    '; did you mean vamp?'
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
