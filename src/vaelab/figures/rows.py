"""Rows of images that represent their classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vaelab.measured import MeasuredModel


def classes_present(measured: MeasuredModel) -> list[int]:
    """The classes that have an image, in order; none for unlabelled images."""
    labels = measured.labelled.labels
    present: list[int] = [] if labels is None else np.unique(labels).tolist()
    return present


def members_of(measured: MeasuredModel, label: int) -> NDArray[np.int64]:
    """The rows of the images of a class."""
    assert measured.labels is not None
    return np.flatnonzero(measured.labels == label)


def first_of_each_class(measured: MeasuredModel) -> list[int]:
    """The row of the first image of each class; the first ten rows if images are unlabelled."""
    if measured.labels is None:
        return list(range(min(10, measured.n_images)))
    return [int(members_of(measured, label)[0]) for label in classes_present(measured)]


def typical_of_each_class(measured: MeasuredModel) -> list[int]:
    """The row of the image of each class whose posterior mean is closest to the mean of the class."""
    means, rows = measured.means, []
    for label in classes_present(measured):
        members = members_of(measured, label)
        rows.append(int(members[np.linalg.norm(means[members] - means[members].mean(0), axis=1).argmin()]))
    return rows
