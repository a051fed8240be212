"""Disentanglement, completeness and informativeness."""

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
    """What `dci_scores` gives."""

    disentanglement: float
    """`disentanglement_of` the importance."""
    completeness: float
    """`completeness_of` the importance."""
    informativeness: float
    """The mean over factors of how well all codes tell them."""
    per_factor: Float[NDArray[np.float64], " K"]
    """How well they tell each: 1 perfectly, 0 no better than by chance."""
    importance: Float[NDArray[np.float64], "D K"]
    """Of each code for each factor; a column sums to 1, or to 0 where no code helps."""


def disentanglement_of(importance: Float[NDArray[np.float64], "D K"]) -> float:
    """How far each code matters for one factor alone, from 0 to 1: sum_d rho_d (1 - H_K(P_d)).

    Eastwood and Williams (2018), section 2: P_d is row d made to sum to 1, H_K its entropy to base K and rho_d the
    share of row d in the sum of the matrix. Codes that matter for nothing do not count; without any other it is 0.

    Args:
        importance: of each code for each factor, in any unit.

    Raises:
        UserError: a value is not finite or below 0.

    >>> disentanglement_of(np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    1.0
    """
    from scipy.special import entr

    finite("importance", importance)
    if importance.size == 0 or importance.min() < 0:
        raise UserError(f"importance of shape {importance.shape} must hold numbers >= 0; give a table of D x K")
    of_row = importance.sum(1, keepdims=True)
    if not of_row.any():
        return 0.0
    shares = np.divide(importance, of_row, out=np.zeros_like(importance), where=of_row > 0)
    # With one column there is nothing to be spread over.
    spread = entr(shares).sum(1) / np.log(max(importance.shape[1], 2))
    return float(np.average(1 - spread, weights=of_row[:, 0]))


def completeness_of(importance: Float[NDArray[np.float64], "D K"]) -> float:
    """How far one code alone matters for each factor, from 0 to 1: `disentanglement_of` the transpose.

    Eastwood and Williams (2018), section 2.

    Args:
        importance: of each code for each factor, in any unit.

    Raises:
        UserError: a value is not finite or below 0.

    >>> round(completeness_of(np.array([[1.0], [1.0], [0.0], [0.0]])), 6)
    0.5
    """
    return disentanglement_of(importance.T)


def dci_scores(
    codes: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    categorical: Sequence[int] = (),
    seed: int = 0,
) -> DciScores:
    """Disentanglement, completeness and informativeness of codes, by what trees learn from them.

    Eastwood and Williams (2018), section 2. For each factor gradient boosted trees (100 of depth 3, Friedman 2001)
    learn it from all codes on one half of the rows; the importance of a code is the impurity that its splits take
    away. Locatello et al. (2019) take the same trees, but as classifiers of every factor. Here they regress on
    factors that are numbers: values are not torn from their order, and a factor of 40 values takes one tree a step, not
    40. A categorical factor takes one a step and category (two categories, one). Forests of full depth fit noise as
    well: with a signal of twice the noise they give some 0.70 where these give 0.95 and the truth is 1.

    Informativeness is measured on the other half: R^2 of a number, and of a categorical factor the balanced accuracy,
    rescaled so that chance is 0 too. A useless guess can fall a little below 0.

    Unchanged by rescaling, sign flips and the order of codes, but for equally good splits between which
    the trees draw. The halves follow the order of rows. Noise codes gain a little importance where a factor cannot
    be told exactly.

    Args:
        codes: of N images.
        factors: a column each.
        categorical: the columns whose values are names; all others are numbers.
        seed: of the halves and the trees.

    Raises:
        UserError: rows differ or are fewer than four, a value is not finite, a factor is constant, a column is
            not there, or a category has one row.
    """
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.metrics import balanced_accuracy_score, r2_score

    check_table(codes, factors)
    named = which_categorical(factors, categorical)
    random = np.random.default_rng(seed)
    # The trees compare in float32, and take differences below 1e-7 for none.
    codes = standardise(codes)
    importance, told = np.zeros((codes.shape[1], factors.shape[1])), np.zeros(factors.shape[1])
    for k, factor in enumerate(factors.T):
        learn, test = halves(factor, random)
        trees = (GradientBoostingClassifier if named[k] else GradientBoostingRegressor)(random_state=seed)
        guess = trees.fit(codes[learn], factor[learn]).predict(codes[test])
        # Where nothing is left to learn, rounding can make an impurity grow.
        importance[:, k] = trees.feature_importances_.clip(min=0)
        told[k] = (
            balanced_accuracy_score(factor[test], guess, adjusted=True) if named[k] else r2_score(factor[test], guess)
        )
    return DciScores(disentanglement_of(importance), completeness_of(importance), float(told.mean()), told, importance)
