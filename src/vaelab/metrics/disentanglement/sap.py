"""The separated attribute predictability score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.factors import check_table, halves, standardise, which_categorical
from vaelab.metrics.disentanglement.gap import top_two_gap


@dataclass(frozen=True)
class SapScore:
    """What `sap_score` gives."""

    score: float
    """The mean over factors."""
    per_factor: Float[NDArray[np.float64], " K"]
    """The gap between the best code and the next."""
    predictability: Float[NDArray[np.float64], "D K"]
    """How well each code alone tells each factor: 1 perfectly, 0 not at all."""


def sap_score(
    codes: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    categorical: Sequence[int] = (),
    seed: int = 0,
) -> SapScore:
    """How much better the best code alone tells a factor than the next, from 0 to 1: mean_k (S_(1)k - S_(2)k).

    Kumar, Sattigeri and Balakrishnan (2018), section 3. For a factor that is a number S is the squared correlation of
    code and factor, over all rows. For a categorical one S is the balanced accuracy of thresholds on the code, one
    fewer than there are categories, which a decision tree learns on one half of the rows, on the other half. It is
    rescaled so that chance is 0, as with numbers: the paper's, of a factor with V values, is 1 - 1 / V times as large.

    Unchanged by the order of codes, by rescaling and by sign flips, and of numeric factors by the order of rows, which
    the halves follow. Noise codes change it by squared correlations of about 1 / N.

    Args:
        codes: of N images.
        factors: a column each.
        categorical: the columns whose values are names; all others are numbers.
        seed: of the halves.

    Raises:
        UserError: rows differ or are fewer than four, a value is not finite, a factor is constant, a column is
            not there, or a category has one row.

    >>> x, y = np.array([[-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]])
    >>> round(sap_score(np.stack([x, x + y], 1), np.stack([x, y], 1)).score, 6)
    0.5
    """
    check_table(codes, factors)
    named = which_categorical(factors, categorical)
    random = np.random.default_rng(seed)
    codes = standardise(codes)
    table: NDArray[np.float64] = (codes.T @ standardise(factors) / len(codes)) ** 2
    for k in np.flatnonzero(named):
        table[:, k] = _threshold_accuracy(codes, factors[:, k], random)
    per_factor = top_two_gap(table)
    return SapScore(float(per_factor.mean()), per_factor, table)


def _threshold_accuracy(
    codes: Float[NDArray[np.float64], "N D"], factor: Float[NDArray[np.float64], " N"], random: np.random.Generator
) -> Float[NDArray[np.float64], " D"]:
    """The balanced accuracy of thresholds on each code, on rows they were not chosen on, with chance at 0."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.tree import DecisionTreeClassifier

    names, category = np.unique(factor, return_inverse=True)
    learn, test = halves(factor, random)
    accuracy = np.zeros(codes.shape[1])
    for d, code in enumerate(codes.T):
        # As many leaves as categories are as many thresholds as the paper's, and weights make the errors balanced.
        tree = DecisionTreeClassifier(max_leaf_nodes=len(names), class_weight="balanced", random_state=0)
        tree.fit(code[learn, None], category[learn])
        accuracy[d] = balanced_accuracy_score(category[test], tree.predict(code[test, None]), adjusted=True)
    return accuracy.clip(min=0)
