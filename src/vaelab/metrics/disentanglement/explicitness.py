"""Explicitness: whether a linear classifier can read each factor from all codes together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.factors import check_table, factor_levels, halves, standardise


def explicitness_score(
    codes: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    factor_bins: int = 20,
    seed: int = 0,
) -> float:
    """How well all codes together tell each value of each factor, by a linear classifier: mean of 2 AUC - 1.

    Ridgeway and Mozer (2018), section 3: the area under the ROC curve of each value against the rest, by logistic
    regression, brought from [0.5, 1] to [0, 1], where 0 is chance. The mean is over the values of a factor, then over
    factors. One regression a factor is learned for all of its values (softmax), so that a code that orders them
    separates the middle ones too; on one half of the rows, tested on the other. A factor of more than `factor_bins`
    values is cut into equally populated bins.

    Codes are standardised. Unchanged by their order, rescaling and sign flips but for what the solver leaves
    (about 1e-3); the halves follow the order of rows; noise codes take a little away.

    Args:
        codes: of N images.
        factors: a column each.
        factor_bins: of a factor that has more values.
        seed: of the halves.

    Raises:
        UserError: rows differ or are fewer than four, a value is not finite, a factor is constant, `factor_bins` is
            below 2, or a value has one row.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    check_table(codes, factors)
    levels = factor_levels(factors, factor_bins, least=2)
    codes, random = standardise(codes), np.random.default_rng(seed)
    areas = []
    for level in levels.T:
        learn, test = halves(level, random)
        # A penalty of 1 would hide from few rows what a linear classifier can read.
        regression = LogisticRegression(C=100, max_iter=1000).fit(codes[learn], level[learn])
        is_value = level[test, None] == regression.classes_
        areas.append(roc_auc_score(is_value, regression.predict_proba(codes[test])))
    return float(2 * np.mean(areas) - 1)
