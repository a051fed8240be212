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


def one_space(name: str, values: NDArray[Any], of: str, others: NDArray[Any]) -> None:
    """Refuse points whose distance to others means nothing.

    Raises:
        UserError: a point of the one has another shape than a point of the other.
    """
    if values.shape[1:] != others.shape[1:]:
        raise UserError(
            f"{name} has points of shape {values.shape[1:]}, but {of} of {others.shape[1:]}; give both in one space"
        )


def inside_unit(name: str, value: float) -> None:
    """Refuse a share that is none or all.

    Raises:
        UserError: it does not lie strictly between 0 and 1.
    """
    if not 0 < value < 1:
        raise UserError(f"{name} is {value}, but must lie between 0 and 1, without them; give a share such as 0.95")


def labelled_split(
    codes: NDArray[Any], labels: NDArray[Any], test_codes: NDArray[Any], test_labels: NDArray[Any]
) -> None:
    """Refuse what no classifier of codes can learn from or be tested on.

    Raises:
        UserError: there are fewer than two codes or no test code, dimensions differ, a code is not finite, labels are
            not one a code, or there is one class only.
    """
    points("codes", codes)
    points("test_codes", test_codes, least=1)
    one_space("test_codes", test_codes, "codes", codes)
    one_label_each("labels", labels, "codes", codes)
    one_label_each("test_labels", test_labels, "test_codes", test_codes)
    several_classes("labels", labels)


def same_shape(name: str, values: NDArray[Any], of: str, others: NDArray[Any]) -> None:
    """Refuse numbers that do not go with others, one each.

    Raises:
        UserError: their shapes differ.
    """
    if values.shape != others.shape:
        raise UserError(f"{name} has shape {values.shape}, but {of} has {others.shape}; give one number for each")


def positive(name: str, values: NDArray[Any]) -> None:
    """Refuse numbers that are not above 0.

    Raises:
        UserError: a value is 0, negative or nan.
    """
    wrong = np.argwhere(~(values > 0))
    if len(wrong):
        where = ", ".join(map(str, wrong[0].tolist()))
        raise UserError(
            f"{name}[{where}] is {values[tuple(wrong[0])]}, but every value must be > 0; leave such rows out"
        )


def same_rows(name: str, values: NDArray[Any], of: str, others: NDArray[Any]) -> None:
    """Refuse two tables whose rows do not go together.

    Raises:
        UserError: their numbers of rows differ.
    """
    if len(values) != len(others):
        raise UserError(f"{name} has {len(values)} rows, but {of} has {len(others)}; give both of the same images")
