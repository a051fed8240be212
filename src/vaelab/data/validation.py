"""The validation split: images that are held out of the training split to choose by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.data.data import D, Data
from vaelab.errors import UserError

VALIDATION = 5000
# Of MNIST's 60,000 training images that is a twelfth, and a smaller set holds out a twelfth too.
_SHARE = 12


def training_and_validation(data: Data, n_images: int | None) -> tuple[NDArray[np.int64], Data | None]:
    """The rows of the split `train` to train on, and the images to choose by; None for no such images.

    The rows are drawn with a fixed seed, so that all runs on the same data hold out the same images.

    Args:
        data: images with a split `train`, and perhaps one named `validation`.
        n_images: training images to hold out; None for the split `validation` or, without one, 5,000 training images,
            at most a twelfth; 0 for none.

    Raises:
        UserError: no image would be left to train on.

    >>> from vaelab import ImageData
    >>> bars = ImageData("bars", np.zeros((30, 1, 8, 8), np.uint8), splits={"train": range(24), "test": range(24, 30)})
    >>> rows, validation = training_and_validation(bars, None)
    >>> len(rows), len(validation)
    (22, 2)
    """
    rows, validation = _rows(data, n_images)
    return rows, None if validation is None else data.take(validation)


def validation_as_test(data: D, n_images: int | None) -> D:
    """The data in which the validation images are the split `test`, to choose between trained models by a metric.

    Args:
        data: as for `training_and_validation`.
        n_images: as the models were trained with.

    Raises:
        UserError: no images are held out, or as `training_and_validation`.

    >>> from vaelab import ImageData
    >>> bars = ImageData("bars", np.zeros((30, 1, 8, 8), np.uint8), splits={"train": range(24), "test": range(24, 30)})
    >>> validation_as_test(bars, 4).splits
    {'train': range(0, 20), 'test': range(20, 24)}
    """
    rows, validation = _rows(data, n_images)
    if validation is None:
        raise UserError(f"validation is {n_images}, so no images of {data.name} are held out; give their number")
    train = rows + data.splits["train"].start
    held_out = np.arange(len(data))[validation]
    splits = {"train": range(len(train)), "test": range(len(train), len(train) + len(held_out))}
    taken: Any = data.take(np.concatenate([train, held_out]))
    found: D = replace(taken, splits=splits)
    return found


def _rows(data: Data, n_images: int | None) -> tuple[NDArray[np.int64], slice | NDArray[np.int64] | None]:
    """The rows of the split `train` to train on, and the rows of the data to choose by."""
    n, start = len(data.split("train")), data.splits["train"].start
    if n_images is None and "validation" in data.splits:
        chosen_by = data.splits["validation"]
        return np.arange(n), slice(chosen_by.start, chosen_by.stop)
    held_out = min(VALIDATION, n // _SHARE) if n_images is None else n_images
    if held_out >= n:
        raise UserError(
            f"validation is {held_out}, but {data.name} has {n:,} training images; leave at least one to train on"
        )
    chosen = np.zeros(n, bool)
    chosen[np.random.default_rng(0).permutation(n)[:held_out]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen) + start if held_out else None
