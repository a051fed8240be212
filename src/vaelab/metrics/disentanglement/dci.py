"""DCI: disentanglement, completeness and informativeness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import finite
from vaelab.metrics.disentanglement.factors import check_table, halves, standardise, which_categorical


@dataclass(frozen=True)
class DciScores:
    """Result of `dci_scores`, `dci_boosted_classifiers` and `dci_logistic_classifiers`."""

    disentanglement: float
    """`disentanglement_of` the importance, in [0, 1]."""
    completeness: float
    """`completeness_of` the importance, in [0, 1]."""
    informativeness: float
    """Mean of `per_factor`."""
    per_factor: Float[NDArray[np.float64], " K"]
    """Prediction score of each factor from all dimensions: 1 is perfect. 0 is chance for `dci_scores`."""
    importance: Float[NDArray[np.float64], "D K"]
    """Importance of each dimension for each factor. Of trees a column sums to 1, or to 0 if no dimension helps."""


def disentanglement_of(importance: Float[NDArray[np.float64], "D K"]) -> float:
    """Disentanglement of an importance matrix, from 0 to 1: sum_d rho_d (1 - H_K(P_d)).

    Eastwood and Williams (2018), section 2: P_d is row d normalised to sum 1, H_K its entropy to base K, and rho_d the
    share of row d in the sum of the matrix. It is 1 if each dimension is important for only one factor. Dimensions
    without importance have no weight; if there are no others, the score is 0.

    Args:
        importance: of each dimension for each factor, in any unit.

    Raises:
        UserError: a value that is not finite or below 0, or an empty matrix.

    >>> disentanglement_of(np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    1.0
    """
    from scipy.special import entr

    finite("importance", importance)
    if importance.size == 0 or importance.min() < 0:
        raise UserError(f"importance of shape {importance.shape} must hold numbers >= 0; give a D x K matrix")
    of_row = importance.sum(1, keepdims=True)
    if not of_row.any():
        return 0.0
    shares = np.divide(importance, of_row, out=np.zeros_like(importance), where=of_row > 0)
    # With one column the entropy is 0, to any base.
    spread = entr(shares).sum(1) / np.log(max(importance.shape[1], 2))
    return float(np.average(1 - spread, weights=of_row[:, 0]))


def completeness_of(importance: Float[NDArray[np.float64], "D K"]) -> float:
    """Completeness of an importance matrix, from 0 to 1: `disentanglement_of` its transpose.

    Eastwood and Williams (2018), section 2. It is 1 if only one dimension is important for each factor.

    Args:
        importance: of each dimension for each factor, in any unit.

    Raises:
        UserError: a value that is not finite or below 0, or an empty matrix.

    >>> round(completeness_of(np.array([[1.0], [1.0], [0.0], [0.0]])), 6)
    0.5
    """
    return disentanglement_of(importance.T)


def dci_scores(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    categorical: Sequence[int] = (),
    seed: int = 0,
) -> DciScores:
    """Disentanglement, completeness and informativeness of a representation, from trees fitted to it.

    Eastwood and Williams (2018), section 2. For each factor, gradient boosted trees (100 of depth 3, Friedman 2001)
    predict it from all dimensions on one half of the rows; the importance of a dimension is the impurity that its
    splits remove. Locatello et al. (2019) use the same trees as classifiers of every factor, as in
    `dci_boosted_classifiers`. Here numeric factors are regressed: their order is used, which raises the scores of noisy
    codes, and a factor of 40 values takes one tree per step instead of 40. A categorical
    factor takes one tree per step and category (one for two categories). Forests of full depth also fit noise: with a
    signal of twice the noise they score about 0.70, where these trees score 0.95 and the truth is 1.

    Informativeness is measured on the other half: R^2 for a numeric factor, and for a categorical one the balanced
    accuracy, rescaled so that chance is 0. A useless prediction can score slightly below 0.

    Invariant to scale, sign flips and order of dimensions, except that the trees choose at random between equally good
    splits. The halves depend on the order of rows. Noise dimensions gain a little importance if a factor cannot be
    predicted exactly.

    Args:
        representation: of N images.
        factors: one column per factor.
        categorical: columns whose values are names; all others are numbers.
        seed: of the split into halves and of the trees.

    Raises:
        UserError: different numbers of rows or fewer than four, a value that is not finite, a factor that is constant,
            a column that does not exist, or a category with one row.
    """
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.metrics import balanced_accuracy_score, r2_score

    check_table(representation, factors)
    named = which_categorical(factors, categorical)
    random = np.random.default_rng(seed)
    # The trees compare in float32, in which differences below 1e-7 vanish.
    z = standardise(representation)
    importance, scores = np.zeros((z.shape[1], factors.shape[1])), np.zeros(factors.shape[1])
    for k, factor in enumerate(factors.T):
        learn, test = halves(factor, random)
        trees = (GradientBoostingClassifier if named[k] else GradientBoostingRegressor)(random_state=seed)
        guess = trees.fit(z[learn], factor[learn]).predict(z[test])
        # Once a factor is predicted exactly, rounding can increase the impurity.
        importance[:, k] = trees.feature_importances_.clip(min=0)
        scores[k] = (
            balanced_accuracy_score(factor[test], guess, adjusted=True) if named[k] else r2_score(factor[test], guess)
        )
    return DciScores(
        disentanglement_of(importance), completeness_of(importance), float(scores.mean()), scores, importance
    )
