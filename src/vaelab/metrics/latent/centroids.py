"""Centroids of classes in latent space, and the ranks of their distances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, one_label_each, points


def class_centroids(
    means: Float[NDArray[np.float64], "N D"], labels: Int[NDArray[np.int64], " N"], classes: int
) -> Float[NDArray[np.float64], "K D"]:
    """The centroid of each class, one row per label from 0 to `classes` - 1.

    Args:
        means: posterior means of N images.
        labels: their classes.
        classes: K.

    Raises:
        UserError: a class without images, a label outside 0 to K - 1, or a mean that is not finite.

    >>> class_centroids(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1]), classes=2)
    array([[1.],
           [5.]])
    """
    at_least("classes", classes, 1)
    points("means", means, least=1)
    one_label_each("labels", labels, "means", means)
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(f"labels run from {labels.min()} to {labels.max()}, but must be from 0 to {classes - 1}")
    counts = np.bincount(labels, minlength=classes)
    if not counts.all():
        raise UserError(f"labels has no row of class {counts.argmin()}; give means of all {classes} classes")
    sums = np.zeros((classes, means.shape[1]))
    np.add.at(sums, labels, means)
    return sums / counts[:, None]


def centroid_rank(
    means: Float[NDArray[np.float64], "N D"],
    labels: Int[NDArray[np.int64], " N"],
    pairs: Sequence[tuple[int, int]],
) -> Int[NDArray[np.int64], " P"]:
    """Rank of each pair of classes among all K (K - 1) / 2, by the distance of their centroids; 1 is the closest pair.

    Distances are Euclidean. Pairs at equal distances have equal ranks.

    Args:
        means, labels: as for `class_centroids`, with K the largest label plus one.
        pairs: of labels, in either order.

    Raises:
        UserError: a pair that does not name two different classes, or as `class_centroids`.

    >>> centroid_rank(np.array([[0.0], [1.0], [5.0]]), np.array([0, 1, 2]), [(0, 1), (2, 0)])
    array([1, 3])
    """
    distances, ordered = _distances(means, labels, pairs)
    return 1 + np.searchsorted(ordered, distances)


def centroid_distance(
    means: Float[NDArray[np.float64], "N D"],
    labels: Int[NDArray[np.int64], " N"],
    pairs: Sequence[tuple[int, int]],
    nearest: int,
) -> Float[NDArray[np.float64], " P"]:
    """Distance of each pair's centroids, over the distance within which the `nearest` pairs of all lie.

    That distance is halfway between those of the pairs with the ranks `nearest` and `nearest` + 1, so the quotient is
    below 1 for a pair among the nearest, and above 1 for the others.

    Args:
        means, labels, pairs: as for `centroid_rank`.
        nearest: a number of pairs, from 1 to all but one.

    Raises:
        UserError: `nearest` is out of range, more pairs than that coincide, or as `centroid_rank`.

    >>> centroid_distance(np.array([[0.0], [1.0], [5.0]]), np.array([0, 1, 2]), [(0, 1), (2, 0)], nearest=1)
    array([0.4, 2. ])
    """
    distances, ordered = _distances(means, labels, pairs)
    if not 1 <= nearest < len(ordered):
        raise UserError(f"nearest is {nearest}, but must be from 1 to {len(ordered) - 1}, one less than all pairs")
    within: float = ordered[nearest - 1 : nearest + 1].mean()
    if within == 0:
        raise UserError(
            f"means has the same centroid for both classes of {nearest} pairs, so there is no distance to compare "
            "with; give means that are not collapsed"
        )
    return distances / within


def _distances(
    means: NDArray[np.float64], labels: NDArray[np.int64], pairs: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The distances of the pairs' centroids, and those of all pairs in ascending order."""
    points("means", means)
    one_label_each("labels", labels, "means", means)
    classes = int(labels.max()) + 1
    for a, b in pairs:
        if a == b or not 0 <= min(a, b) <= max(a, b) < classes:
            raise UserError(f"pairs has ({a}, {b}), but must name two different classes from 0 to {classes - 1}")
    centroids = class_centroids(means, labels, classes)
    distances = np.linalg.norm(centroids[:, None] - centroids, axis=-1)
    chosen = np.array([distances[min(pair), max(pair)] for pair in pairs])
    return chosen, np.sort(distances[np.triu_indices(classes, 1)])
