"""The arrays that a figure is given, held to the shapes that it draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaelab.errors import UserError

Floats = NDArray[np.float64]


def fitting(**arrays: tuple[ArrayLike, str]) -> list[Floats]:
    """Arrays whose shapes fit each other; a letter names a size that is the same wherever it stands.

    Raises:
        UserError: a shape is another than the one named, or a value is not finite.

    >>> means, labels = fitting(means=([[0, 1], [2, 3]], "N 2"), labels=([0, 1], "N"))
    >>> fitting(means=([[0, 1], [2, 3]], "N 2"), labels=([0, 1, 2], "N"))
    Traceback (most recent call last):
    ...
    vaelab.errors.UserError: labels has shape (3,), but must be (N,) with N = 2; give arrays of one measurement
    """
    sizes: dict[str, int] = {}
    found: list[Floats] = []
    for name, (values, wanted) in arrays.items():
        array = np.asarray(values, float)
        letters = wanted.split()
        fits = array.ndim == len(letters) and array.size > 0
        fits = fits and all(
            size == (int(letter) if letter.isdigit() else sizes.setdefault(letter, size))
            for letter, size in zip(letters, array.shape, strict=True)
        )
        if not fits:
            known = ", ".join(f"{letter} = {sizes[letter]}" for letter in letters if letter in sizes and found)
            shape = f"({letters[0]},)" if len(letters) == 1 else f"({', '.join(letters)})"
            also = f" with {known}; give arrays of one measurement" if known else " and not empty"
            raise UserError(f"{name} has shape {array.shape}, but must be {shape}{also}")
        if not np.isfinite(array).all():
            raise UserError(f"{name} has {(~np.isfinite(array)).sum()} values that are not finite; leave those out")
        found.append(array)
    return found


def class_numbers(labels: ArrayLike, classes: Sequence[str]) -> NDArray[np.int64]:
    """Labels (N,) as integers, each the place of a class in `classes`.

    Raises:
        UserError: a label is no such place.
    """
    (given,) = fitting(labels=(labels, "N"))
    numbers = given.astype(np.int64)
    bad = given[(numbers != given) | (numbers < 0) | (numbers >= len(classes))]
    if bad.size:
        raise UserError(f"labels holds {bad[0]:g}, but must number the {len(classes)} classes from 0; name every class")
    return numbers
