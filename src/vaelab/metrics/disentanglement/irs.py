"""The interventional robustness score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.disentanglement.factors import check_table, factor_levels


@dataclass(frozen=True)
class IrsScore:
    """What `irs_score` gives."""

    score: float
    """The mean over codes, weighted by how far each deviates from its mean."""
    robustness: Float[NDArray[np.float64], "D K"]
    """1 where a factor alone decides a code, about 0 where it decides nothing; 0 for a constant code."""


def irs_score(
    codes: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    factor_bins: int = 20,
    quantile: float = 0.99,
) -> IrsScore:
    """How little a code changes with all other factors while its best one is held: from 0 to 1.

    The score of Suter, Miladinović, Schölkopf and Bauer (2019): with q(.) the largest absolute deviation from the mean,

        R_dk = 1 - E_v[q(z_d given v_k = v)] / q(z_d),    score = sum_d q(z_d) max_k R_dk / sum_d q(z_d)

    The mean over values follows how often they are. q is the paper's maximum at `quantile` 1; since the maximum
    grows with the number of rows, the quantile of the deviations is taken instead, above and below alike, so that
    codes that are independent of all factors score about 0. (Code that takes it above only gives such codes a score.)
    Of a code whose robustness is negative, by sampling or by an outlier that sets one value's quantile, 0 counts.
    Without a code that varies the score is 0. A factor of more than `factor_bins` values is cut into equally populated
    bins.

    Exactly unchanged by sign flips, by the order of codes and of rows and by a common scale. The scale of one code
    is its weight, so noise codes lower the score by theirs; `robustness` does not depend on either.

    Args:
        codes: of N images.
        factors: a column each.
        factor_bins: of a factor that has more values.
        quantile: of the deviations, in (0, 1].

    Raises:
        UserError: rows differ or are fewer than four, a value is not finite, a factor is constant, `factor_bins` is
            below 2, or `quantile` is not in (0, 1].

    >>> x, y = np.array([[-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]])
    >>> irs_score(np.stack([x, x + y], 1), np.stack([x, y], 1), quantile=1.0).robustness
    array([[1. , 0. ],
           [0.5, 0.5]])
    """
    check_table(codes, factors)
    if not 0 < quantile <= 1:
        raise UserError(f"quantile is {quantile}, but must be in (0, 1], such as 0.99")
    levels = factor_levels(factors, factor_bins)

    def deviation(z: NDArray[np.float64]) -> NDArray[np.float64]:
        largest: NDArray[np.float64] = np.quantile(np.abs(z - z.mean(0)), quantile, axis=0)
        return largest

    # A constant less its mean can be off by rounding.
    overall = np.where(np.ptp(codes, axis=0) > 0, deviation(codes), 0)
    if not overall.any():
        return IrsScore(0.0, np.zeros((codes.shape[1], factors.shape[1])))
    within = np.zeros((codes.shape[1], factors.shape[1]))
    for k, level in enumerate(levels.T):
        for value in np.unique(level):
            own = level == value
            within[:, k] += own.mean() * deviation(codes[own])
    scale = overall[:, None]
    robustness = np.divide(scale - within, scale, out=np.zeros_like(within), where=scale > 0)
    return IrsScore(float(np.average(robustness.max(1).clip(0), weights=overall)), robustness)
