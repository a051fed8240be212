"""Checked factors that images are drawn from."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError

# One number for all images, or one per image.
Factor = int | float | np.number[Any] | Sequence[int | float] | NDArray[Any]
Column = Float[NDArray[np.float64], " N"]
Rows = Int[NDArray[np.int64], " M"]


def factor_columns(**given: tuple[Factor, int | float, int | float]) -> list[Column]:
    """Each factor, given with its range, as one column; a single value is used for all images.

    >>> factor_columns(x=([0, 1], 0, 1), y=(0.5, 0, 1))
    [array([0., 1.]), array([0.5, 0.5])]

    Raises:
        UserError: a value is not a number, not finite or out of its range, or the factors differ in length.
    """
    columns: dict[str, Column] = {}
    for name, (values, low, high) in given.items():
        try:
            column = np.atleast_1d(np.asarray(values, np.float64))
        except (TypeError, ValueError):
            shown = textwrap.shorten(repr(values), 60)
            raise UserError(f"{name} is {shown}, but must be numbers; give one, or one per image") from None
        if column.ndim != 1:
            raise UserError(f"{name} has shape {column.shape}, but must be (N,); give one number, or one per image")
        # Written so that NaN counts as out of range, too.
        wrong = np.flatnonzero(~(np.isfinite(column) & (column >= low) & (column <= high)))
        if len(wrong):
            bounds = "finite" if math.isinf(low) else f"finite and >= {low:g}"
            bounds = bounds if math.isinf(high) else f"in [{low:g}, {high:g}]"
            raise UserError(f"{name}[{wrong[0]}] is {column[wrong[0]]:g}, but must be {bounds}; change it")
        columns[name] = column
    lengths = {name: len(column) for name, column in columns.items() if len(column) != 1}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UserError(f"the factors differ in length ({listed}); give one number of each per image, or one for all")
    return [np.ascontiguousarray(column) for column in np.broadcast_arrays(*columns.values())]


def class_column(name: str, column: Column, classes: int) -> Int[NDArray[np.int64], " N"]:
    """A column as class numbers.

    Raises:
        UserError: a value lies between two classes.
    """
    numbers = column.astype(np.int64)
    wrong = np.flatnonzero(numbers != column)
    if len(wrong):
        raise UserError(f"{name}[{wrong[0]}] is {column[wrong[0]]:g}, but must be one of 0 to {classes - 1}; round it")
    return numbers


def class_blocks(classes: Int[NDArray[np.int64], " N"], size: int) -> Iterator[tuple[int, Rows]]:
    """Each class with its rows, at most `size` rows at a time.

    >>> [(kind, rows.tolist()) for kind, rows in class_blocks(np.array([1, 0, 1, 1]), size=2)]
    [(0, [1]), (1, [0, 2]), (1, [3])]
    """
    for kind in np.unique(classes).tolist():
        rows = np.flatnonzero(classes == kind)
        for start in range(0, len(rows), size):
            yield kind, rows[start : start + size]


def check_size(image_size: int, least: int) -> None:
    """Refuse images that are too small.

    Raises:
        UserError: `image_size` is below `least`.
    """
    if image_size < least:
        raise UserError(f"image_size is {image_size}, but must be >= {least}, in pixels")
