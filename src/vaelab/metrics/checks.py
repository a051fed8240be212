"""Checks of the arrays and settings that a metric takes."""

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
    """Refuse too few points, or points that are not finite.

    Raises:
        UserError: fewer than `least` rows, no columns, or a value that is nan or infinite.
    """
    if len(values) < least:
        raise UserError(f"{name} has {len(values)} points, but at least {least} are needed; give more")
    if values.size == 0:
        raise UserError(f"{name} has shape {values.shape}, but needs at least one number per point; add dimensions")
    finite(name, values)


def one_label_each(name: str, labels: NDArray[Any], of: str, values: NDArray[Any]) -> None:
    """Refuse labels that do not match the rows of an array.

    Raises:
        UserError: the number of labels differs from the number of rows.
    """
    if labels.shape != values.shape[:1]:
        raise UserError(f"{name} has shape {labels.shape}, but {of} has {len(values)} rows; give one label per row")


def several_classes(name: str, labels: NDArray[Any]) -> None:
    """Refuse labels of a single class.

    Raises:
        UserError: there is only one class, or no label.
    """
    found = np.unique(labels)
    if len(found) < 2:
        raise UserError(f"{name} has the classes {found.tolist()}, but at least two are needed; give more classes")


def at_least(name: str, value: float, least: float) -> None:
    """Refuse a number below its bound.

    Raises:
        UserError: the number is nan or below `least`.
    """
    if not value >= least:
        raise UserError(f"{name} is {value}, but must be >= {least}")


def one_space(name: str, values: NDArray[Any], of: str, others: NDArray[Any]) -> None:
    """Refuse two sets of points of different dimensions.

    Raises:
        UserError: the points of the two sets differ in shape.
    """
    if values.shape[1:] != others.shape[1:]:
        raise UserError(
            f"{name} has points of shape {values.shape[1:]}, but {of} of {others.shape[1:]}; give points of one space"
        )


def inside_unit(name: str, value: float) -> None:
    """Refuse a share outside the open interval (0, 1).

    Raises:
        UserError: the share is not strictly between 0 and 1.
    """
    if not 0 < value < 1:
        raise UserError(f"{name} is {value}, but must lie strictly between 0 and 1; give a share such as 0.95")


def labelled_split(
    representation: NDArray[Any], labels: NDArray[Any], test_representation: NDArray[Any], test_labels: NDArray[Any]
) -> None:
    """Refuse training and test sets that a classifier cannot use.

    Raises:
        UserError: fewer than two training points or no test point, different dimensions, a value that is not finite,
            labels that do not match the points, or only one class.
    """
    points("representation", representation)
    points("test_representation", test_representation, least=1)
    one_space("test_representation", test_representation, "representation", representation)
    one_label_each("labels", labels, "representation", representation)
    one_label_each("test_labels", test_labels, "test_representation", test_representation)
    several_classes("labels", labels)


def same_shape(name: str, values: NDArray[Any], of: str, others: NDArray[Any]) -> None:
    """Refuse two arrays of different shapes.

    Raises:
        UserError: the shapes differ.
    """
    if values.shape != others.shape:
        raise UserError(f"{name} has shape {values.shape}, but {of} has {others.shape}; give one number for each")


def positive(name: str, values: NDArray[Any]) -> None:
    """Refuse numbers that are not positive.

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
    """Refuse two tables with different numbers of rows.

    Raises:
        UserError: the numbers of rows differ.
    """
    if len(values) != len(others):
        raise UserError(f"{name} has {len(values)} rows, but {of} has {len(others)}; give both of the same images")
