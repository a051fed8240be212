"""Scarce labels: labelled images are shown several times per epoch, so that each batch has some."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def repeat_labelled(rows: NDArray[np.int64], labels: NDArray[np.int64] | None, share: float) -> NDArray[np.int64]:
    """The rows of an epoch, those with a known label r times, so that about `share` of the epoch has one.

    r = share U / ((1 - share) L), rounded, at least 1, for U rows without a label and L with one. Without repetition,
    100 labels of 60,000 images are one in five batches of 128: the step that a labelled image causes is rare and large,
    which Adam scales down, and the labels are outweighed by what the many other images are best reconstructed by.

    Args:
        rows: the rows to train on.
        labels: the labels of the split, -1 for unknown; None for none.
        share: the share to reach, in [0, 1).

    >>> repeat_labelled(np.arange(5), np.array([3, -1, -1, -1, -1]), 0.5)
    array([0, 1, 2, 3, 4, 0, 0, 0])
    """
    if labels is None:
        return rows
    known = rows[labels[rows] >= 0]
    if len(known) in (0, len(rows)):
        return rows
    times = round(share / (1 - share) * (len(rows) - len(known)) / len(known))
    return np.concatenate([rows, np.tile(known, max(0, times - 1))])
