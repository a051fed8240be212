"""Agreement of k-means clusters of a representation with the classes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, one_label_each, points, several_classes


def cluster_information(
    representation: Float[NDArray[np.float64], "N D"],
    labels: Int[NDArray[np.int64], " N"],
    restarts: int = 10,
    seed: int = 0,
) -> float:
    r"""Normalised mutual information of k-means clusters and labels: 1 if they agree, about 0 by chance.

        2 I(cluster; label) / (H(cluster) + H(label))

    Strehl and Ghosh (2002), with the arithmetic mean of the entropies. There are as many clusters as classes, from
    k-means (Lloyd 1982) initialised by k-means++ (Arthur and Vassilvitskii 2007), the best of `restarts` by the sum of
    squares; labels are not used. Dimensions are not standardised, so a dimension that is hardly used hardly counts. By
    chance the value exceeds 0 by a term of order classes^2 / N.

    Args:
        representation, labels: N points and their classes.
        restarts: of k-means.
        seed: of the initialisations.

    Raises:
        UserError: only one class, fewer distinct points than classes, restarts < 1, or a value that is not finite.

    >>> z = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> round(cluster_information(z, np.array([1, 1, 0, 0])), 9)
    1.0
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    at_least("restarts", restarts, 1)
    points("representation", representation)
    one_label_each("labels", labels, "representation", representation)
    several_classes("labels", labels)
    classes, distinct = len(np.unique(labels)), len(np.unique(representation, axis=0))
    if distinct < classes:
        raise UserError(
            f"representation has {distinct} distinct points for {classes} clusters; give more points, or fewer classes"
        )
    clusters = KMeans(classes, n_init=restarts, random_state=seed).fit_predict(representation)
    return float(normalized_mutual_info_score(labels, clusters))
