"""DCI with classifiers: every factor is a set of classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.dci import DciScores, completeness_of, disentanglement_of
from vaelab.metrics.disentanglement.factors import check_table, factor_levels, standardise, training_and_test

_Weights = Float[NDArray[np.float64], " D"]


def dci_boosted_classifiers(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    n_train: int = 10_000,
    factor_bins: int = 40,
    seed: int = 0,
) -> DciScores:
    """DCI as Locatello et al. (2019) measure it, with gradient boosted trees as classifiers of every factor.

    The definitions of the three numbers are those of Eastwood and Williams (2018), section 2. The importance of a
    dimension is the impurity that its splits remove in 100 trees of depth 3 per value (Friedman 2001). The trees learn
    from half of the rows, at most `n_train` of them. Informativeness is the accuracy on the other half, which by chance
    is about 1 / values. A factor of more than `factor_bins` values, which they do not have, is cut into bins of equal
    counts.

    It differs from `dci_scores` in that the order of values is not used. So noisy codes score much lower: trees that
    cannot tell neighbouring values apart split on noise, in all dimensions. The fewer the rows, the lower the scores.
    The time is that of 100 trees per value of a factor, about ten seconds for 40 values and 500 rows.

    Invariant to scale, sign flips and order of dimensions, except that the trees choose at random between equally good
    splits. The halves depend on the order of rows.

    Args:
        representation: of N images.
        factors: one column per factor.
        n_train: rows to learn from, at most; 10,000 in the paper.
        factor_bins: bins of a factor that has more values; 40 keep all values of dSprites.
        seed: of the split into halves and of the trees.

    Raises:
        UserError: different numbers of rows or fewer than four, a value that is not finite, a factor that is constant,
            all rows but one of one value, `n_train` or `factor_bins` below 2.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    def removed_impurity(trees: Any) -> _Weights:
        # Once a factor is predicted exactly, rounding can increase the impurity.
        removed: _Weights = trees.feature_importances_.clip(min=0)
        return removed

    trees = GradientBoostingClassifier(random_state=seed)
    return _scores(representation, factors, trees, removed_impurity, n_train, factor_bins, seed)


def dci_logistic_classifiers(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    n_train: int = 10_000,
    factor_bins: int = 40,
    seed: int = 0,
) -> DciScores:
    """DCI with logistic regression and a penalty on absolute weights, the linear model for factors that are classes.

    Eastwood and Williams (2018) take the absolute weights of a lasso regression for the importance of standardised
    dimensions. Here the lasso is a softmax regression with the same penalty (C = 1), and the importance of a dimension
    is the mean of its absolute weights over the values of a factor. It learns from half of the rows, at most `n_train`
    of them. Informativeness is the accuracy on the other half, which by chance is about 1 / values. A factor of more
    than `factor_bins` values is cut into bins of equal counts.

    Invariant to scale, sign flips and order of dimensions up to the tolerance of the solver (about 1e-2). The halves
    depend on the order of rows.

    Args:
        representation: of N images.
        factors: one column per factor.
        n_train: rows to learn from, at most.
        factor_bins: bins of a factor that has more values; 40 keep all values of dSprites.
        seed: of the split into halves and of the solver.

    Raises:
        UserError: as `dci_boosted_classifiers`.
    """
    from sklearn.linear_model import LogisticRegression

    def mean_weight(regression: Any) -> _Weights:
        mean: _Weights = np.abs(regression.coef_).mean(0)
        return mean

    # Before scikit-learn 1.8 the ratio has an effect under this penalty only; since then the argument is deprecated.
    mixed = {"penalty": "elasticnet"} if LogisticRegression().penalty == "l2" else {}
    lasso = LogisticRegression(l1_ratio=1, solver="saga", tol=1e-3, max_iter=1000, random_state=seed, **mixed)
    return _scores(representation, factors, lasso, mean_weight, n_train, factor_bins, seed)


def _scores(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    classifier: Any,
    importance_of: Callable[[Any], _Weights],
    n_train: int,
    factor_bins: int,
    seed: int,
) -> DciScores:
    """DCI with a classifier of scikit-learn, and the importance of each dimension for a fitted one."""
    check_table(representation, factors)
    levels, z = factor_levels(factors, factor_bins), standardise(representation)
    random = np.random.default_rng(seed)
    importance, accuracy = np.zeros((z.shape[1], levels.shape[1])), np.zeros(levels.shape[1])
    for k, level in enumerate(levels.T):
        learn, test = training_and_test(k, level, random, n_train)
        classifier.fit(z[learn], level[learn])
        importance[:, k], accuracy[k] = importance_of(classifier), classifier.score(z[test], level[test])
    return DciScores(
        disentanglement_of(importance), completeness_of(importance), float(accuracy.mean()), accuracy, importance
    )
