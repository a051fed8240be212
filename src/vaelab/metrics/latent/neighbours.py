"""Neighbourhoods of a representation: how well they agree with labels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, labelled_split, one_label_each, points, several_classes


def knn_accuracy(
    representation: Float[NDArray[np.float64], "N D"],
    labels: Int[NDArray[np.int64], " N"],
    test_representation: Float[NDArray[np.float64], "M D"],
    test_labels: Int[NDArray[np.int64], " M"],
    neighbours: int = 15,
) -> float:
    """Test accuracy of a k-nearest-neighbour classifier on a representation.

    Cover and Hart (1967); Euclidean distance, votes of equal weight, ties resolved to the lowest label. Compare with
    `chance_accuracy` of the test labels.

    Args:
        representation, labels: the points that vote.
        test_representation, test_labels: for the accuracy.
        neighbours: k.

    Raises:
        UserError: fewer points than neighbours, only one class, a value that is not finite, or shapes that do not
            match.

    >>> z = np.array([[0.0], [0.1], [1.0], [1.1]])
    >>> knn_accuracy(z, np.array([0, 0, 1, 1]), np.array([[0.2], [0.9]]), np.array([0, 0]), neighbours=2)
    0.5
    """
    from sklearn.neighbors import KNeighborsClassifier

    at_least("neighbours", neighbours, 1)
    labelled_split(representation, labels, test_representation, test_labels)
    if neighbours > len(representation):
        raise UserError(
            f"neighbours is {neighbours}, but there are {len(representation)} points; give more points, or ask for "
            "fewer neighbours"
        )
    vote = KNeighborsClassifier(neighbours).fit(representation, labels)
    return float(vote.score(test_representation, test_labels))


def chance_accuracy(labels: Int[NDArray[np.int64], " N"]) -> float:
    """The share of the largest class: the accuracy of a constant prediction.

    Raises:
        UserError: there are no labels.

    >>> chance_accuracy(np.array([3, 3, 5, 3]))
    0.75
    """
    at_least("the number of labels", len(labels), 1)
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def class_silhouette(
    representation: Float[NDArray[np.float64], "N D"],
    labels: Int[NDArray[np.int64], " N"],
    limit: int = 5000,
    seed: int = 0,
) -> float:
    """Mean silhouette of the classes, from -1 to 1: the mean over points of (b - a) / max(a, b).

    Rousseeuw (1987): a is the mean Euclidean distance to the other points of the same class, b the smallest mean
    distance to the points of another class. Classes with the same density give about 0, or slightly less.

    Args:
        representation, labels: N points and their classes.
        limit: points to use, drawn without replacement if there are more; time grows with its square.
        seed: of that draw.

    Raises:
        UserError: limit < 3, fewer than three points, only one class, no class with two points, or a value that is not
            finite.
    """
    from sklearn.metrics import silhouette_score

    at_least("limit", limit, 3)
    points("representation", representation, least=3)
    one_label_each("labels", labels, "representation", representation)
    if len(representation) > limit:
        drawn = np.random.default_rng(seed).choice(len(representation), limit, replace=False)
        representation, labels = representation[drawn], labels[drawn]
    several_classes("labels", labels)
    if len(np.unique(labels)) == len(labels):
        raise UserError(f"labels has {len(labels)} classes for {len(labels)} points; give several points per class")
    return float(silhouette_score(representation, labels))
