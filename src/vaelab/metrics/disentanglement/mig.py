"""The mutual information gap (MIG)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.gap import top_two_gap
from vaelab.metrics.disentanglement.information import factor_information


@dataclass(frozen=True)
class MutualInformationGap:
    """Result of `mutual_information_gap`."""

    score: float
    """Mean over factors, in [0, 1]."""
    per_factor: Float[NDArray[np.float64], " K"]
    """Gap of each factor, as a share of its entropy."""
    information: Float[NDArray[np.float64], "D K"]
    """I(dimension; factor), nats."""


def mutual_information_gap(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    bins: int = 20,
    factor_bins: int = 20,
) -> MutualInformationGap:
    """Gap in mutual information between the best and the second-best dimension for each factor.

        MIG = mean_k (I_(1)k - I_(2)k) / H(v_k),      from 0 to 1

    Chen, Li, Grosse and Duvenaud (2018), equation 6. Each dimension is cut into `bins` bins of equal counts, and so are
    factors of more than `factor_bins` values; other factors keep their values. Bins of equal width, as in Locatello et
    al. (2019), would depend on outliers; their numbers differ slightly from these.

    Exactly invariant to the order of dimensions and of rows, and to scale. A sign flip can move ties across the edge of
    a bin. Noise dimensions change the score by the bias of the information, about (bins - 1) (values - 1) / (2 N) nats.

    Args:
        representation: of N images, for example posterior means.
        factors: one column per factor.
        bins: bins per dimension.
        factor_bins: bins of a factor that has more values; 40 keep all values of dSprites.

    Raises:
        UserError: different numbers of rows or fewer than four, a value that is not finite, a factor that is constant,
            or fewer than two bins.

    >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> mutual_information_gap(corners, corners).score
    1.0
    """
    information, entropy = factor_information(representation, factors, bins, factor_bins)
    per_factor = top_two_gap(information) / entropy
    return MutualInformationGap(float(per_factor.mean()), per_factor, information)
