"""Where the classes lie: their centroids, and which of them are near."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, one_label_each, points


def class_centroids(
    codes: Float[NDArray[np.float64], "N D"], labels: Int[NDArray[np.int64], " N"], classes: int
) -> Float[NDArray[np.float64], "K D"]:
    """The mean code of each class, a row for each of the labels 0 to `classes` - 1.

    Raises:
        UserError: a class has no code, a label lies outside, or a code is not finite.

    >>> class_centroids(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1]), classes=2)
    array([[1.],
           [5.]])
    """
    at_least("classes", classes, 1)
    points("codes", codes, least=1)
    one_label_each("labels", labels, "codes", codes)
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(f"labels run from {labels.min()} to {labels.max()}, but must be from 0 to {classes - 1}")
    counts = np.bincount(labels, minlength=classes)
    if not counts.all():
        raise UserError(f"labels has no code of class {counts.argmin()}; give codes of all {classes} classes")
    sums = np.zeros((classes, codes.shape[1]))
    np.add.at(sums, labels, codes)
    return sums / counts[:, None]


def centroid_rank(
    codes: Float[NDArray[np.float64], "N D"],
    labels: Int[NDArray[np.int64], " N"],
    pairs: Sequence[tuple[int, int]],
) -> Int[NDArray[np.int64], " P"]:
    """The rank of each pair of classes among all K (K - 1) / 2 by the distance of their centroids; 1 is the nearest.

    Distances are Euclidean. Pairs that are as far have the same rank.

    Args:
        codes, labels: as `class_centroids` takes them; K is the largest label and one.
        pairs: of labels, in either order.

    Raises:
        UserError: a pair is not of two classes, or as `class_centroids`.

    >>> centroid_rank(np.array([[0.0], [1.0], [5.0]]), np.array([0, 1, 2]), [(0, 1), (2, 0)])
    array([1, 3])
    """
    points("codes", codes)
    one_label_each("labels", labels, "codes", codes)
    classes = int(labels.max()) + 1
    for a, b in pairs:
        if a == b or not 0 <= min(a, b) <= max(a, b) < classes:
            raise UserError(f"pairs has ({a}, {b}), but must be of two different classes from 0 to {classes - 1}")
    centroids = class_centroids(codes, labels, classes)
    distances = np.linalg.norm(centroids[:, None] - centroids, axis=-1)
    ordered = np.sort(distances[np.triu_indices(classes, 1)])
    return 1 + np.searchsorted(ordered, [distances[min(pair), max(pair)] for pair in pairs])
