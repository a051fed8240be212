"""The separated attribute predictability (SAP) score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.factors import (
    check_table,
    factor_levels,
    halves,
    standardise,
    training_and_test,
    which_categorical,
)
from vaelab.metrics.disentanglement.gap import top_two_gap


@dataclass(frozen=True)
class SapScore:
    """Result of `sap_score` and `sap_linear_svc`."""

    score: float
    """Mean over factors, in [0, 1]."""
    per_factor: Float[NDArray[np.float64], " K"]
    """Gap between the best and the second-best dimension, per factor."""
    predictability: Float[NDArray[np.float64], "D K"]
    """Prediction score of each factor from each dimension alone: 1 is perfect. 0 is chance for `sap_score`."""


def sap_score(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    categorical: Sequence[int] = (),
    seed: int = 0,
) -> SapScore:
    """Gap in predictability between the best and the second-best dimension for each factor.

        SAP = mean_k (S_(1)k - S_(2)k),      from 0 to 1

    Kumar, Sattigeri and Balakrishnan (2018), section 3. For a numeric factor S is the squared correlation of dimension
    and factor, over all rows. For a categorical factor S is the balanced accuracy, on one half of the rows, of
    thresholds on the dimension that a decision tree learns on the other half, one fewer than there are categories. It
    is rescaled so that chance is 0, as for numbers; the score of the paper, for a factor with V values, is 1 - 1 / V
    times as large. `sap_linear_svc` treats every factor as a set of classes, as Locatello et al. (2019) do.

    Invariant to the order of dimensions, to scale and to sign flips. For numeric factors it is also invariant to the
    order of rows, on which the halves depend. Noise dimensions change it by squared correlations of about 1 / N.

    Args:
        representation: of N images.
        factors: one column per factor.
        categorical: columns whose values are names; all others are numbers.
        seed: of the split into halves.

    Raises:
        UserError: different numbers of rows or fewer than four, a value that is not finite, a factor that is constant,
            a column that does not exist, or a category with one row.

    >>> x, y = np.array([[-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]])
    >>> round(sap_score(np.stack([x, x + y], 1), np.stack([x, y], 1)).score, 6)
    0.5
    """
    check_table(representation, factors)
    named = which_categorical(factors, categorical)
    random = np.random.default_rng(seed)
    z = standardise(representation)
    table: NDArray[np.float64] = (z.T @ standardise(factors) / len(z)) ** 2
    for k in np.flatnonzero(named):
        table[:, k] = _threshold_accuracy(z, factors[:, k], random)
    per_factor = top_two_gap(table)
    return SapScore(float(per_factor.mean()), per_factor, table)


def sap_linear_svc(
    representation: Float[NDArray[np.float64], "N D"],
    factors: Float[NDArray[np.float64], "N K"],
    n_train: int = 10_000,
    factor_bins: int = 40,
    seed: int = 0,
) -> SapScore:
    """The SAP score as Locatello et al. (2019) measure it: every factor is a set of classes.

    S is the accuracy of a linear support vector classifier of a factor from one dimension, with C = 0.01 and balanced
    classes, where Kumar, Sattigeri and Balakrishnan (2018), section 3, fit thresholds. It learns from half of the rows,
    at most `n_train` of them, and is tested on the others. A factor of more than `factor_bins` values, which they do
    not have, is cut into bins of equal counts.

    It differs from `sap_score` in three ways. The order of values is not used: on a line, one hyperplane per class
    cannot separate a class from those on both sides, so even a perfect dimension of ten values has a low accuracy. The
    accuracy of chance is not 0 but at least 1 / values. Dimensions are not standardised, and C weighs against their
    scale, so the score depends on it.

    Exactly invariant to the order of dimensions. The halves depend on the order of rows.

    Args:
        representation: of N images.
        factors: one column per factor.
        n_train: rows to learn from, at most; 10,000 in the paper.
        factor_bins: bins of a factor that has more values; 40 keep all values of dSprites.
        seed: of the split into halves.

    Raises:
        UserError: different numbers of rows or fewer than four, a value that is not finite, a factor that is constant,
            all rows but one of one value, `n_train` or `factor_bins` below 2.
    """
    from sklearn.svm import LinearSVC

    check_table(representation, factors)
    levels = factor_levels(factors, factor_bins)
    random = np.random.default_rng(seed)
    table = np.zeros((representation.shape[1], levels.shape[1]))
    for k, level in enumerate(levels.T):
        learn, test = training_and_test(k, level, random, n_train)
        for d, z in enumerate(representation.T):
            classifier = LinearSVC(C=0.01, class_weight="balanced", random_state=0).fit(z[learn, None], level[learn])
            table[d, k] = classifier.score(z[test, None], level[test])
    per_factor = top_two_gap(table)
    return SapScore(float(per_factor.mean()), per_factor, table)


def _threshold_accuracy(
    z: Float[NDArray[np.float64], "N D"], factor: Float[NDArray[np.float64], " N"], random: np.random.Generator
) -> Float[NDArray[np.float64], " D"]:
    """Balanced accuracy of thresholds on each dimension, on held-out rows, rescaled so that chance is 0."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.tree import DecisionTreeClassifier

    names, category = np.unique(factor, return_inverse=True)
    learn, test = halves(factor, random)
    accuracy = np.zeros(z.shape[1])
    for d, values in enumerate(z.T):
        # One leaf per category gives the number of thresholds of the paper; class weights balance the errors.
        tree = DecisionTreeClassifier(max_leaf_nodes=len(names), class_weight="balanced", random_state=0)
        tree.fit(values[learn, None], category[learn])
        accuracy[d] = balanced_accuracy_score(category[test], tree.predict(values[test, None]), adjusted=True)
    return accuracy.clip(min=0)
