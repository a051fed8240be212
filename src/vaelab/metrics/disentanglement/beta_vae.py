"""The score of the beta-VAE paper: can a linear classifier tell which factor two images share?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.checks import at_least
from vaelab.metrics.disentanglement.factors import check_several, check_table, factor_levels
from vaelab.metrics.disentanglement.sharing import batches_of_each_factor


def beta_vae_score(
    codes: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    factor_bins: int = 20,
    batches: int = 500,
    pairs: int = 64,
    seed: int = 0,
) -> float:
    """The accuracy with which a linear classifier tells the factor that pairs share, from 1 / K, by chance, to 1.

    Higgins et al. (2017), section 3: a batch is summed up by mean |z1 - z2| over pairs of rows that share the value
    of one factor k, and a logistic regression on such vectors predicts k. Pairs are drawn among the rows there are,
    the first at random, the second among the others with the same value; batches to learn on from one half of the
    rows, batches to test on from the other half. A factor of more than `factor_bins` values is cut into equally
    populated bins, within which pairs count as sharing it. Vectors are standardised. Constant codes score 1 / K.

    Unchanged by sign flips, and by the order and the scale of codes but for what the solver leaves (about 1e-3).
    The order of rows changes what is drawn; noise codes nearly nothing.

    Args:
        codes: of N images.
        factors: a column each; at least two.
        factor_bins: of a factor that has more values.
        batches: of each factor, to learn on, and as many to test on.
        pairs: in a batch.
        seed: of the halves and the draws.

    Raises:
        UserError: rows differ, a value is not finite, a factor is constant or the only one, a value has fewer
            than four rows, or a setting is below its bound.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_table(codes, factors)
    check_several(factors)
    at_least("batches", batches, 1)
    at_least("pairs", pairs, 1)
    levels = factor_levels(factors, factor_bins, least=4)

    def differences(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = np.abs(codes[rows[:, 0]] - codes[rows[:, 1]]).reshape(batches, pairs, -1).mean(1)
        return mean

    drawn = batches_of_each_factor(levels, batches * pairs, 2, np.random.default_rng(seed))
    learn, test = (np.concatenate([differences(rows) for rows in half]) for half in drawn)
    shared = np.repeat(np.arange(levels.shape[1]), batches)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(learn, shared)
    return float(classifier.score(test, shared))
