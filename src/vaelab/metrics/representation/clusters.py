"""Whether codes fall into clusters that are the classes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, one_label_each, points, several_classes


def cluster_information(
    codes: Float[NDArray[np.float64], "N D"], labels: Int[NDArray[np.int64], " N"], restarts: int = 10, seed: int = 0
) -> float:
    r"""The mutual information of k-means clusters and labels, normalised: 1 where they are the same, about 0 by chance.

    2 I(cluster; label) / (H(cluster) + H(label)): Strehl and Ghosh (2002), with the arithmetic mean of the entropies.
    As many clusters as classes, by k-means (Lloyd 1982) from starts drawn by k-means++ (Arthur and Vassilvitskii
    2007), the best of `restarts` by the sum of squares. The labels are not seen by it. Distances are on the codes' own
    scale, so that a dimension that is hardly used hardly counts. By chance it exceeds 0 by a term of the order of
    classes^2 / N.

    Args:
        codes, labels: the points and their classes.
        restarts: of k-means.
        seed: of the starts.

    Raises:
        UserError: there is one class only, there are fewer different codes than classes, restarts < 1, or a code is
            not finite.

    >>> codes = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> round(cluster_information(codes, np.array([1, 1, 0, 0])), 9)
    1.0
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    at_least("restarts", restarts, 1)
    points("codes", codes)
    one_label_each("labels", labels, "codes", codes)
    several_classes("labels", labels)
    classes, different = len(np.unique(labels)), len(np.unique(codes, axis=0))
    if different < classes:
        raise UserError(f"codes has {different} different points for {classes} clusters; give more, or fewer classes")
    clusters = KMeans(classes, n_init=restarts, random_state=seed).fit_predict(codes)
    return float(normalized_mutual_info_score(labels, clusters))
