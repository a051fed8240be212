"""What the neighbours of a code tell of its label."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, one_label_each, points, several_classes


def knn_accuracy(
    codes: Float[NDArray[np.float64], "N D"],
    labels: Int[NDArray[np.int64], " N"],
    test_codes: Float[NDArray[np.float64], "M D"],
    test_labels: Int[NDArray[np.int64], " M"],
    neighbours: int = 15,
) -> float:
    """The share of test codes whose nearest codes, by a vote of `neighbours` of them, have their label.

    Cover and Hart (1967); Euclidean distance, votes of equal weight, a tie to the lowest label. Its floor is
    `chance_accuracy` of the test labels.

    Raises:
        UserError: there are fewer codes than neighbours, one class only, or a code is not finite.

    >>> codes = np.array([[0.0], [0.1], [1.0], [1.1]])
    >>> knn_accuracy(codes, np.array([0, 0, 1, 1]), np.array([[0.2], [0.9]]), np.array([0, 0]), neighbours=2)
    0.5
    """
    from sklearn.neighbors import KNeighborsClassifier

    at_least("neighbours", neighbours, 1)
    points("codes", codes)
    points("test_codes", test_codes, least=1)
    one_label_each("labels", labels, "codes", codes)
    one_label_each("test_labels", test_labels, "test_codes", test_codes)
    several_classes("labels", labels)
    if neighbours > len(codes):
        raise UserError(f"neighbours is {neighbours}, but there are {len(codes)} codes; give more codes or ask fewer")
    vote = KNeighborsClassifier(neighbours).fit(codes, labels)
    return float(vote.score(test_codes, test_labels))


def chance_accuracy(labels: Int[NDArray[np.int64], " N"]) -> float:
    """The share of the largest class: what is right by always saying the same.

    Raises:
        UserError: there are no labels.

    >>> chance_accuracy(np.array([3, 3, 5, 3]))
    0.75
    """
    at_least("the number of labels", len(labels), 1)
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def class_silhouette(
    codes: Float[NDArray[np.float64], "N D"], labels: Int[NDArray[np.int64], " N"], limit: int = 5000, seed: int = 0
) -> float:
    """How much nearer a code is to its own class than to the nearest other one, from -1 to 1.

    The mean over codes of (b - a) / max(a, b), with a the mean Euclidean distance to the other codes of its class and
    b the least mean distance to the codes of another: Rousseeuw (1987). Classes drawn from one density
    give about 0 or slightly less.

    Args:
        codes, labels: the points and their classes.
        limit: codes that are looked at, drawn without replacement where there are more; time grows with the square.
        seed: of that draw.

    Raises:
        UserError: there is one class only, no class has two codes, or a code is not finite.
    """
    from sklearn.metrics import silhouette_score

    at_least("limit", limit, 3)
    points("codes", codes, least=3)
    one_label_each("labels", labels, "codes", codes)
    if len(codes) > limit:
        drawn = np.random.default_rng(seed).choice(len(codes), limit, replace=False)
        codes, labels = codes[drawn], labels[drawn]
    several_classes("labels", labels)
    if len(np.unique(labels)) == len(labels):
        raise UserError(f"labels has {len(labels)} classes for {len(labels)} codes; give several codes of a class")
    return float(silhouette_score(codes, labels))


def label_information(
    codes: Float[NDArray[np.float64], "N D"], labels: Int[NDArray[np.int64], " N"], neighbours: int = 50
) -> float:
    r"""The mutual information I(code; label) of all dimensions together, in nats; at most the entropy of the labels.

    mean_i [psi(N) - psi(N_i) + psi(k_i) - psi(m_i)]: Ross (2014), equation 2, with codes of D dimensions for the
    paper's one. The distance to the `neighbours`-th nearest code of the same class, in the maximum norm and on the
    codes' own scale, is the reach of code i; k_i codes of its class and m_i codes of any lie within it, itself left
    out; N_i codes have its class. k_i exceeds `neighbours` only where codes coincide, which makes the estimate hold
    for codes with repetitions too, as in Gao, Kannan, Oh and Viswanath (2017).

    Of codes that are independent of the labels the estimate is 0 on average, so about half of such estimates
    are negative. They are not clipped, which would bias them. Many neighbours make for less variance, and for less
    information where the classes' densities change within the reach.

    Raises:
        UserError: a class has no more codes than `neighbours`, there is one class only, or a code is not finite.
    """
    from scipy.spatial import KDTree
    from scipy.special import digamma

    at_least("neighbours", neighbours, 1)
    points("codes", codes)
    one_label_each("labels", labels, "codes", codes)
    several_classes("labels", labels)
    everyone, total = KDTree(codes), 0.0
    for label in np.unique(labels):
        own = codes[labels == label]
        if len(own) <= neighbours:
            raise UserError(
                f"neighbours is {neighbours}, but class {label} has {len(own)} codes; give more codes or ask fewer"
            )
        tree = KDTree(own)
        # The nearest is the code itself; the last column is the reach. The maximum norm rounds nothing, so that the
        # code that sets the reach lies within it.
        reach = tree.query(own, [neighbours + 1], p=np.inf)[0][:, 0]
        near_own = tree.query_ball_point(own, reach, p=np.inf, return_length=True) - 1
        near_any = everyone.query_ball_point(own, reach, p=np.inf, return_length=True) - 1
        total += float((digamma(near_own) - digamma(near_any)).sum() - len(own) * digamma(len(own)))
    return float(digamma(len(codes))) + total / len(codes)
