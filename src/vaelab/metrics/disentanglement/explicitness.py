"""Explicitness: linear predictability of each factor from all dimensions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.factors import check_table, factor_levels, halves, standardise


def explicitness_score(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    factor_bins: int = 20,
    seed: int = 0,
) -> float:
    """Linear predictability of each value of each factor from all dimensions: mean of 2 AUC - 1.

    Ridgeway and Mozer (2018), section 3: the area under the ROC curve of each value against the rest, by logistic
    regression, rescaled from [0.5, 1] to [0, 1], where 0 is chance. The mean is over the values of a factor, then over
    factors. One softmax regression per factor covers all of its values, so that a dimension that orders the values
    separates the middle ones too. It is trained on one half of the rows and tested on the other. A factor of more than
    `factor_bins` values is cut into bins of equal counts.

    Dimensions are standardised. Invariant to their order, scale and sign up to the tolerance of the solver (about
    1e-3). The halves depend on the order of rows. Noise dimensions lower the score slightly.

    Args:
        representation: of N images.
        factors: one column per factor.
        factor_bins: bins of a factor that has more values.
        seed: of the split into halves.

    Raises:
        UserError: different numbers of rows or fewer than four, a value that is not finite, a factor that is constant,
            `factor_bins` below 2, or a value with one row.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    check_table(representation, factors)
    levels = factor_levels(factors, factor_bins, least=2)
    z, random = standardise(representation), np.random.default_rng(seed)
    areas = []
    for level in levels.T:
        learn, test = halves(level, random)
        # With few rows, a penalty of 1 would shrink the weights too much.
        regression = LogisticRegression(C=100, max_iter=1000).fit(z[learn], level[learn])
        is_value = level[test, None] == regression.classes_
        areas.append(roc_auc_score(is_value, regression.predict_proba(z[test])))
    return float(2 * np.mean(areas) - 1)
