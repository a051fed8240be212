"""Label information in the neighbourhoods of a representation."""

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


def label_information(
    representation: Float[NDArray[np.float64], "N D"], labels: Int[NDArray[np.int64], " N"], neighbours: int = 50
) -> float:
    r"""Mutual information I(z; label) of all dimensions jointly, nats; at most the entropy of the labels.

        mean_i [psi(N) - psi(N_i) + psi(k_i) - psi(m_i)]

    Ross (2014), equation 2, in D dimensions instead of one. The reach of point i is its distance to the `neighbours`-th
    nearest point of the same class, in the maximum norm, without standardisation. Within it lie k_i other points of the
    same class and m_i other points of any class; N_i points have the class of i. k_i exceeds `neighbours` only if
    points coincide; counting it makes the estimate valid for repeated points too, as in Gao, Kannan, Oh and Viswanath
    (2017).

    If z and label are independent the estimate is 0 on average, so about half of such estimates are negative. They are
    not clipped, which would bias them. More neighbours lower the variance, and lower the estimate if the densities of
    the classes vary within the reach.

    Args:
        representation, labels: N points and their classes.
        neighbours: of each point in its class.

    Raises:
        UserError: a class with at most `neighbours` points, only one class, or a value that is not finite.
    """
    from scipy.spatial import KDTree
    from scipy.special import digamma

    at_least("neighbours", neighbours, 1)
    points("representation", representation)
    one_label_each("labels", labels, "representation", representation)
    several_classes("labels", labels)
    everyone, total = KDTree(representation), 0.0
    for label in np.unique(labels):
        own = representation[labels == label]
        if len(own) <= neighbours:
            raise UserError(
                f"neighbours is {neighbours}, but class {label} has {len(own)} points; give more points, or ask for "
                "fewer neighbours"
            )
        tree = KDTree(own)
        # The nearest point is the point itself, hence one more. The maximum norm has no rounding error, so the point
        # that sets the reach lies within it.
        reach = tree.query(own, [neighbours + 1], p=np.inf)[0][:, 0]
        near_own = tree.query_ball_point(own, reach, p=np.inf, return_length=True) - 1
        near_any = everyone.query_ball_point(own, reach, p=np.inf, return_length=True) - 1
        total += float((digamma(near_own) - digamma(near_any)).sum() - len(own) * digamma(len(own)))
    return float(digamma(len(representation))) + total / len(representation)
