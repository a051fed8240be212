"""The FactorVAE score: prediction of the fixed factor from the dimension that varies least."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.checks import at_least
from vaelab.metrics.disentanglement.factors import check_several, check_table, factor_levels, standardise
from vaelab.metrics.disentanglement.sharing import batches_of_each_factor


def factor_vae_score(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    factor_bins: int = 20,
    batches: int = 500,
    size: int = 64,
    threshold: float = 0.0,
    seed: int = 0,
) -> float:
    """Accuracy of predicting the fixed factor from the dimension that varies least, from 1 / K (chance) to 1.

    Kim and Mnih (2018), section 4: in a batch of rows that share the value of one factor k, the dimension d with the
    smallest Var(z_d in the batch) / Var(z_d) votes for k, and each dimension predicts the factor with most of its
    votes. Training votes come from one half of the rows and test votes from the other half. Rows are drawn with
    replacement among those with one value; a factor of more than `factor_bins` values is cut into bins of equal counts.

    A dimension with a variance of at most `threshold` has no vote; if there are no others, the score is 0. By default
    this excludes constant dimensions only, much as Locatello et al. (2019) do; with a unit prior, 0.01 is the threshold
    of `active_units`.

    Exactly invariant to scale (with threshold 0), to sign flips and, except for ties, to the order of dimensions. The
    order of rows changes the draws. Noise dimensions change the score if a dimension varies hardly less when its factor
    is fixed.

    Args:
        representation: of N images.
        factors: one column per factor; at least two.
        factor_bins: bins of a factor that has more values.
        batches: training batches per factor, and as many test batches.
        size: rows per batch.
        threshold: a variance.
        seed: of the split into halves and of all draws.

    Raises:
        UserError: different numbers of rows, a value that is not finite, a factor that is constant or the only one, a
            value with fewer than four rows, or a setting below its bound.
    """
    check_table(representation, factors)
    check_several(factors)
    at_least("batches", batches, 1)
    at_least("size", size, 2)
    at_least("threshold", threshold, 0)
    levels = factor_levels(factors, factor_bins, least=4)
    # The variance of equal numbers can be a rounding error; their range is exactly 0.
    live = (np.ptp(representation, axis=0) > 0) & (representation.var(0) > threshold)
    z = standardise(representation[:, live])
    if z.shape[1] == 0:
        return 0.0

    def votes(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(z[rows].var(1).argmin(1), minlength=z.shape[1])

    drawn = batches_of_each_factor(levels, batches, size, np.random.default_rng(seed))
    learn, test = (np.stack([votes(rows) for rows in half], axis=1) for half in drawn)
    right = np.take_along_axis(test, learn.argmax(1)[:, None], axis=1)
    return float(right.sum() / test.sum())
