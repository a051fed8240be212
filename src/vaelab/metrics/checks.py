"""What every measurement asks of its arrays before it computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.errors import UserError


def finite(name: str, values: NDArray[Any]) -> None:
    """Refuse numbers that are not finite.

    Raises:
        UserError: a value is nan or infinite.
    """
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        where = ", ".join(map(str, wrong[0].tolist()))
        raise UserError(
            f"{name}[{where}] is {values[tuple(wrong[0])]}, but every value must be finite; leave such rows out"
        )


def points(name: str, values: NDArray[Any], least: int = 2) -> None:
    """Refuse points that are too few or not finite.

    Raises:
        UserError: there are fewer than `least` rows, no columns, or a value is nan or infinite.
    """
    if len(values) < least:
        raise UserError(f"{name} has {len(values)} points, but at least {least} are needed; give more")
    if values.size == 0:
        raise UserError(f"{name} has shape {values.shape}, but needs at least one number a point; give more dimensions")
    finite(name, values)


def one_label_each(name: str, labels: NDArray[Any], of: str, values: NDArray[Any]) -> None:
    """Refuse labels that do not go with their codes.

    Raises:
        UserError: their numbers differ.
    """
    if labels.shape != values.shape[:1]:
        raise UserError(f"{name} has shape {labels.shape}, but {of} has {len(values)} rows; give one label a row")


def several_classes(name: str, labels: NDArray[Any]) -> None:
    """Refuse labels that are all the same.

    Raises:
        UserError: there is one class only, or no label.
    """
    found = np.unique(labels)
    if len(found) < 2:
        raise UserError(f"{name} has the classes {found.tolist()}, but at least two are needed; give codes of several")


def at_least(name: str, value: float, least: float) -> None:
    """Refuse a setting below its bound.

    Raises:
        UserError: it is.
    """
    if not value >= least:
        raise UserError(f"{name} is {value}, but must be >= {least}")
