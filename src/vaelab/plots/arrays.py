"""Checks of array arguments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaelab.errors import UserError

Floats = NDArray[np.float64]


def checked_arrays(**arrays: tuple[ArrayLike, str]) -> list[Floats]:
    """Arrays as float64, after a check of their shapes; a letter is a size that all shapes share.

    Raises:
        UserError: an array has the wrong shape, is empty, or has values that are not finite.

    >>> means, labels = checked_arrays(means=([[0, 1], [2, 3]], "N 2"), labels=([0, 1], "N"))
    >>> checked_arrays(means=([[0, 1], [2, 3]], "N 2"), labels=([0, 1, 2], "N"))
    Traceback (most recent call last):
    ...
    vaelab.errors.UserError: labels has shape (3,), but must be (N,) with N = 2; give arrays that belong together
    """
    sizes: dict[str, int] = {}
    checked: list[Floats] = []
    for name, (values, expected) in arrays.items():
        array = np.asarray(values, float)
        letters = expected.split()
        fits = array.ndim == len(letters) and array.size > 0
        fits = fits and all(
            size == (int(letter) if letter.isdigit() else sizes.setdefault(letter, size))
            for letter, size in zip(letters, array.shape, strict=True)
        )
        if not fits:
            known = ", ".join(f"{letter} = {sizes[letter]}" for letter in letters if letter in sizes and checked)
            shape = f"({letters[0]},)" if len(letters) == 1 else f"({', '.join(letters)})"
            also = f" with {known}; give arrays that belong together" if known else " and not empty"
            raise UserError(f"{name} has shape {array.shape}, but must be {shape}{also}")
        if not np.isfinite(array).all():
            raise UserError(f"{name} has {(~np.isfinite(array)).sum()} values that are not finite; leave them out")
        checked.append(array)
    return checked


def class_numbers(labels: ArrayLike, classes: Sequence[str]) -> NDArray[np.int64]:
    """Labels as integers, (N,), each the index of a class, or -1 where the class is unknown.

    Raises:
        UserError: a label is neither.
    """
    (values,) = checked_arrays(labels=(labels, "N"))
    numbers = values.astype(np.int64)
    invalid = values[(numbers != values) | (numbers < -1) | (numbers >= len(classes))]
    if invalid.size:
        raise UserError(
            f"labels holds {invalid[0]:g}, but must number the {len(classes)} classes from 0, with -1 for an "
            "unknown one; name every class"
        )
    return numbers


def check_channels(images: Floats) -> None:
    """Raise an error unless images (..., C, H, W) are grey or RGB.

    Raises:
        UserError: C is neither 1 nor 3.
    """
    if images.shape[-3] not in {1, 3}:
        raise UserError(f"images has {images.shape[-3]} channels, but must have 1 for grey or 3 for RGB")
