"""The mutual information gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.gap import top_two_gap
from vaelab.metrics.disentanglement.information import code_information


@dataclass(frozen=True)
class MutualInformationGap:
    """What `mutual_information_gap` gives."""

    score: float
    """The mean over factors."""
    per_factor: Float[NDArray[np.float64], " K"]
    """The gap of each factor, as a share of its entropy."""
    information: Float[NDArray[np.float64], "D K"]
    """I(code; factor) in nats."""


def mutual_information_gap(
    codes: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    bins: int = 20,
    factor_bins: int = 20,
) -> MutualInformationGap:
    """How much more the best code tells of a factor than the next: mean_k (I_(1)k - I_(2)k) / H(v_k), from 0 to 1.

    Chen, Li, Grosse and Duvenaud (2018), equation 6. Codes are cut into `bins` equally populated bins, and so are
    factors of more than `factor_bins` values; other factors keep each of theirs. Bins of equal width, which Locatello
    et al. (2019) take, would depend on the outliers; their numbers differ a little from these.

    Exactly unchanged by the order of codes and of rows and by rescaling. A sign flip can move ties across the edge of
    a bin. Noise codes change it by the bias of the information, about (bins - 1) (values - 1) / (2 N) nats.

    Args:
        codes: of N images, such as posterior means.
        factors: a column each.
        bins: of a code.
        factor_bins: of a factor that has more values. Of dSprites, 40 keep all.

    Raises:
        UserError: rows differ or are fewer than four, a value is not finite, a factor is constant, or a number of
            bins is below 2.

    >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> mutual_information_gap(corners, corners).score
    1.0
    """
    information, entropy = code_information(codes, factors, bins, factor_bins)
    per_factor = top_two_gap(information) / entropy
    return MutualInformationGap(float(per_factor.mean()), per_factor, information)
