"""The beta-VAE metric: accuracy of a linear classifier of the factor that two images share."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.checks import at_least
from vaelab.metrics.disentanglement.factors import check_several, check_table, factor_levels
from vaelab.metrics.disentanglement.sharing import batches_of_each_factor


def beta_vae_score(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    factor_bins: int = 20,
    batches: int = 500,
    pairs: int = 64,
    seed: int = 0,
) -> float:
    """Accuracy of a linear classifier of the factor that pairs share, from 1 / K (chance) to 1.

    Higgins et al. (2017), section 3: the feature vector of a batch is the mean |z1 - z2| over pairs of rows that share
    the value of one factor k, and a logistic regression on such vectors predicts k. The first row of a pair is drawn at
    random, the second among the other rows with the same value. Training batches come from one half of the rows and
    test batches from the other half. A factor of more than `factor_bins` values is cut into bins of equal counts; pairs
    in one bin count as sharing its value. Vectors are standardised. A constant representation scores 1 / K.

    Invariant to sign flips, and to the order and the scale of dimensions up to the tolerance of the solver (about
    1e-3). The order of rows changes the draws. Noise dimensions change the score very little.

    Args:
        representation: of N images.
        factors: one column per factor; at least two.
        factor_bins: bins of a factor that has more values.
        batches: training batches per factor, and as many test batches.
        pairs: pairs per batch.
        seed: of the split into halves and of all draws.

    Raises:
        UserError: different numbers of rows, a value that is not finite, a factor that is constant or the only one, a
            value with fewer than four rows, or a setting below its bound.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_table(representation, factors)
    check_several(factors)
    at_least("batches", batches, 1)
    at_least("pairs", pairs, 1)
    levels = factor_levels(factors, factor_bins, least=4)

    def differences(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        apart = np.abs(representation[rows[:, 0]] - representation[rows[:, 1]])
        mean: NDArray[np.float64] = apart.reshape(batches, pairs, -1).mean(1)
        return mean

    drawn = batches_of_each_factor(levels, batches * pairs, 2, np.random.default_rng(seed))
    learn, test = (np.concatenate([differences(rows) for rows in half]) for half in drawn)
    shared = np.repeat(np.arange(levels.shape[1]), batches)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(learn, shared)
    return float(classifier.score(test, shared))
