"""The interventional robustness score (IRS)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.disentanglement.factors import check_table, factor_levels


@dataclass(frozen=True)
class IrsScore:
    """Result of `irs_score` and `irs_maximum`."""

    score: float
    """Mean over dimensions, weighted by their deviation from the mean."""
    robustness: Float[NDArray[np.float64], "D K"]
    """1 if a factor alone determines a dimension, about 0 if they are independent; 0 for a constant dimension."""


def irs_score(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    factor_bins: int = 20,
    quantile: float = 0.99,
) -> IrsScore:
    """Robustness of the dimensions to all other factors when their best factor is fixed, from 0 to 1.

    Suter, Miladinović, Schölkopf and Bauer (2019): with q(.) the largest absolute deviation from the mean,

        R_dk = 1 - E_v[q(z_d given v_k = v)] / q(z_d),    score = sum_d q(z_d) max_k R_dk / sum_d q(z_d)

    Values are weighted by their frequency. With `quantile` 1, as in `irs_maximum`, q is the maximum of the paper. Since
    the maximum grows with the number of rows, the default is a quantile of the deviations, for both terms of the ratio,
    so that dimensions independent of all factors score about 0. (Implementations that take it for the numerator only
    give such dimensions a positive score.) A negative robustness, due to sampling or to an outlier that sets the
    quantile of one value, counts as 0. If no dimension varies, the score is 0. A factor of more than `factor_bins`
    values is cut into bins of equal counts.

    Exactly invariant to sign flips, to the order of dimensions and of rows, and to a common scale. The scale of a
    dimension is its weight, so noise dimensions lower the score; `robustness` depends on neither.

    Args:
        representation: of N images.
        factors: one column per factor.
        factor_bins: bins of a factor that has more values.
        quantile: of the deviations, in (0, 1].

    Raises:
        UserError: different numbers of rows or fewer than four, a value that is not finite, a factor that is constant,
            `factor_bins` below 2, or `quantile` outside (0, 1].

    >>> x, y = np.array([[-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]])
    >>> irs_score(np.stack([x, x + y], 1), np.stack([x, y], 1), quantile=1.0).robustness
    array([[1. , 0. ],
           [0.5, 0.5]])
    """
    check_table(representation, factors)
    if not 0 < quantile <= 1:
        raise UserError(f"quantile is {quantile}, but must be in (0, 1]; 0.99 is the default")
    levels = factor_levels(factors, factor_bins)

    def deviation(z: NDArray[np.float64]) -> NDArray[np.float64]:
        largest: NDArray[np.float64] = np.quantile(np.abs(z - z.mean(0)), quantile, axis=0)
        return largest

    within = np.zeros((representation.shape[1], factors.shape[1]))
    # A constant minus its mean can be a rounding error.
    overall = np.where(np.ptp(representation, axis=0) > 0, deviation(representation), 0)
    if not overall.any():
        return IrsScore(0.0, within)
    for k, level in enumerate(levels.T):
        for value in np.unique(level):
            own = level == value
            within[:, k] += own.mean() * deviation(representation[own])
    scale = overall[:, None]
    robustness = np.divide(scale - within, scale, out=np.zeros_like(within), where=scale > 0)
    return IrsScore(float(np.average(robustness.max(1).clip(0), weights=overall)), robustness)


def irs_maximum(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    factor_bins: int = 40,
) -> IrsScore:
    """The interventional robustness score of the paper, in which q(.) is the maximum of the deviations.

    Suter, Miladinović, Schölkopf and Bauer (2019): `irs_score` with `quantile` 1. One outlier among all rows raises the
    denominator. The maximum over few rows is smaller than that over many, so a dimension that is independent of all
    factors scores above 0, the more so the fewer rows a value has.

    Args:
        representation: of N images.
        factors: one column per factor.
        factor_bins: bins of a factor that has more values; 40 keep all values of dSprites.

    Raises:
        UserError: as `irs_score`.

    >>> x, y = np.array([[-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]])
    >>> irs_maximum(np.stack([x, x + y], 1), np.stack([x, y], 1)).robustness
    array([[1. , 0. ],
           [0.5, 0.5]])
    """
    return irs_score(representation, factors, factor_bins, quantile=1.0)
