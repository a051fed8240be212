"""The validation split: images that are held out of the training split to choose by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vaelab.data.data import Data
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
    train = data.split("train")
    if n_images is None and "validation" in data.splits:
        return np.arange(len(train)), data.split("validation")
    held_out = min(VALIDATION, len(train) // _SHARE) if n_images is None else n_images
    if held_out >= len(train):
        raise UserError(
            f"validation is {held_out}, but {data.name} has {len(train):,} training images; leave at least one to "
            "train on"
        )
    chosen = np.zeros(len(train), bool)
    chosen[np.random.default_rng(0).permutation(len(train))[:held_out]] = True
    return np.flatnonzero(~chosen), train.take(np.flatnonzero(chosen)) if held_out else None
