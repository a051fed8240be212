"""The score of the FactorVAE paper: does the code that varies least tell which factor is fixed?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.checks import at_least
from vaelab.metrics.disentanglement.factors import check_several, check_table, factor_levels, standardise
from vaelab.metrics.disentanglement.sharing import batches_of_each_factor


def factor_vae_score(
    codes: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    factor_bins: int = 20,
    batches: int = 500,
    size: int = 64,
    threshold: float = 0.0,
    seed: int = 0,
) -> float:
    """The accuracy with which the code that varies least tells the factor that is fixed, from 1 / K, by chance, to 1.

    Kim and Mnih (2018), section 4: in a batch of rows that share the value of one factor k, the code d with the least
    Var(z_d in the batch) / Var(z_d) votes for k, and each code predicts the factor that most of its votes are for.
    Votes to learn on come from one half of the rows, votes to test on from the other half. Rows are drawn with
    replacement among those with one value; a factor of more than `factor_bins` values is cut into equally populated
    bins.

    A dead code, with a variance up to `threshold`, has no vote; without any other the score is 0. By default only
    constant codes are, much as for Locatello et al. (2019); with a unit prior, 0.01 is the threshold of `active_units`.

    Exactly unchanged by rescaling (with threshold 0), by sign flips and, but for ties, by the order of codes. The
    order of rows changes what is drawn. Noise codes change it where a code hardly varies less with its factor fixed.

    Args:
        codes: of N images.
        factors: a column each; at least two.
        factor_bins: of a factor that has more values.
        batches: of each factor, to learn on, and as many to test on.
        size: rows of a batch.
        threshold: a variance.
        seed: of the halves and the draws.

    Raises:
        UserError: rows differ, a value is not finite, a factor is constant or the only one, a value has fewer
            than four rows, or a setting is below its bound.
    """
    check_table(codes, factors)
    check_several(factors)
    at_least("batches", batches, 1)
    at_least("size", size, 2)
    at_least("threshold", threshold, 0)
    levels = factor_levels(factors, factor_bins, least=4)
    # The variance of equal numbers can be off by rounding; their range is not.
    codes = standardise(codes[:, (np.ptp(codes, axis=0) > 0) & (codes.var(0) > threshold)])
    if codes.shape[1] == 0:
        return 0.0

    def votes(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(codes[rows].var(1).argmin(1), minlength=codes.shape[1])

    drawn = batches_of_each_factor(levels, batches, size, np.random.default_rng(seed))
    learn, test = (np.stack([votes(rows) for rows in half], axis=1) for half in drawn)
    right = np.take_along_axis(test, learn.argmax(1)[:, None], axis=1)
    return float(right.sum() / test.sum())
