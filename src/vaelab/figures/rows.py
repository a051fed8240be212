"""Rows of images that represent their classes."""

from __future__ import annotations

import numpy as np

from vaelab.measured import MeasuredModel


def first_of_each_class(measured: MeasuredModel) -> list[int]:
    """The row of the first image of each class; the first ten rows if images are unlabelled."""
    if measured.labels is None:
        return list(range(min(10, measured.n_images)))
    _, firsts = np.unique(measured.labels, return_index=True)
    rows: list[int] = firsts.tolist()
    return rows


def typical_of_each_class(measured: MeasuredModel) -> list[int]:
    """The row of the image of each class whose posterior mean is closest to the mean of the class."""
    labels, means = measured.labels, measured.means
    assert labels is not None
    rows = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rows.append(int(members[np.linalg.norm(means[members] - means[members].mean(0), axis=1).argmin()]))
    return rows
