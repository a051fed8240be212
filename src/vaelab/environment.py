"""Numbers that a user sets by variables of the environment."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

from vaelab.errors import UserError


def number(variable: str, default: float, unit: str, holds: Callable[[float], bool]) -> float:
    """The number in a variable; the default if the variable is not set, or empty.

    Args:
        variable: its name.
        default: a whole number, which messages name as an example.
        unit: the unit in words, such as "seconds".
        holds: whether a number is one that may be set.

    Raises:
        UserError: the variable holds something else.

    >>> number("VAELAB_NOT_SET", 600, "seconds", lambda seconds: seconds > 0)
    600.0
    """
    text = os.environ.get(variable) or str(default)
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if math.isnan(found) or not holds(found):
        raise UserError(f"{variable} is {text!r}, but must be a number of {unit}, such as {default:g}")
    return found
