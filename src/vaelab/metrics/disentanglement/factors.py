"""Preparation of factors for the disentanglement scores: checks, levels, and halves for training and test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, points, same_rows


def check_table(representation: NDArray[Any], factors: NDArray[Any]) -> None:
    """Refuse a representation and factors that cannot be scored.

    Raises:
        UserError: fewer than four rows, different numbers of rows, a value that is not finite, or a constant factor.
    """
    points("representation", representation, least=4)
    points("factors", factors, least=4)
    same_rows("factors", factors, "representation", representation)
    constant = np.flatnonzero(np.ptp(factors, axis=0) == 0)
    if len(constant):
        k = constant[0]
        raise UserError(f"factors[:, {k}] is {factors[0, k]:g} in every row, but must vary; leave column {k} out")


def check_several(factors: NDArray[Any]) -> None:
    """Refuse a single factor, for scores that predict which factor is shared or fixed.

    Raises:
        UserError: there is only one column.
    """
    if factors.shape[1] < 2:
        raise UserError(f"factors has {factors.shape[1]} column, but at least two are needed; give more factors")


def standardise(values: Float[NDArray[np.float64], "N C"]) -> Float[NDArray[np.float64], "N C"]:
    """Columns with mean 0 and variance 1; a constant column becomes 0.

    >>> standardise(np.array([[1.0, 0.1], [5.0, 0.1], [3.0, 0.1], [3.0, 0.1]]))[:2, 1]
    array([0., 0.])
    """
    # A constant minus its mean can be a rounding error, which division would scale up to variance 1.
    scale = values.std(0)
    live = (np.ptp(values, axis=0) > 0) & (scale > 0)
    standard: NDArray[np.float64] = (values - values.mean(0)) / np.where(live, scale, np.inf)
    return standard


def discretise(values: Float[NDArray[np.float64], "N C"], bins: int) -> Int[NDArray[np.int64], "N C"]:
    """Columns as integer levels from 0, which depend only on the order of their values.

    A column of at most `bins` distinct values has one level per value. Any other column is cut by ranks into bins of
    equal counts, as far as possible without splitting ties. Monotone changes of scale therefore change nothing.

    >>> discretise(np.array([[0.1, 7.0], [0.2, 7.0], [0.4, 9.0], [90.0, 7.0]]), bins=2)
    array([[0, 0],
           [0, 0],
           [1, 1],
           [1, 0]])
    """
    from scipy.stats import rankdata

    # Ranks start at 1, and the mean rank of ties is a multiple of 1/2: twice the ranks are integers.
    doubled = (2 * rankdata(values, axis=0)).astype(np.int64)
    levels: NDArray[np.int64] = (doubled - 1) * bins // (2 * len(values))
    for column, row in zip(values.T, levels.T, strict=True):
        distinct, index = np.unique(column, return_inverse=True)
        if len(distinct) <= bins:
            row[:] = index
    return levels


def factor_levels(
    factors: Float[NDArray[np.float64], "N K"], factor_bins: int, least: int = 1
) -> Int[NDArray[np.int64], "N K"]:
    """The factors as levels, each with at least `least` rows.

    Raises:
        UserError: `factor_bins` is below 2, or a level has fewer rows.
    """
    at_least("factor_bins", factor_bins, 2)
    levels = discretise(factors, factor_bins)
    for k in range(levels.shape[1]):
        check_rarest(k, levels[:, k], least)
    return levels


def check_rarest(k: int, levels: NDArray[Any], least: int) -> None:
    """Refuse a factor with a value that is too rare.

    Raises:
        UserError: a value has fewer than `least` rows.
    """
    rarest = np.unique(levels, return_counts=True)[1].min()
    if rarest < least:
        raise UserError(
            f"factors[:, {k}] has {rarest} row(s) of its rarest value, but at least {least} are needed; "
            "give more rows, or leave these rows out"
        )


def which_categorical(
    factors: Float[NDArray[np.float64], "N K"], categorical: Sequence[int]
) -> Bool[NDArray[np.bool_], " K"]:
    """A mask of the factors whose values are names instead of numbers.

    Raises:
        UserError: a column does not exist, or a value has a single row, which cannot be in both halves.
    """
    named = np.zeros(factors.shape[1], np.bool_)
    for k in categorical:
        if not 0 <= k < len(named):
            raise UserError(f"categorical names column {k}, but factors has the columns 0 to {len(named) - 1}")
        check_rarest(k, factors[:, k], least=2)
        named[k] = True
    return named


def halves(
    values: Float[NDArray[np.float64], " N"] | Int[NDArray[np.int64], " N"], random: np.random.Generator
) -> tuple[Int[NDArray[np.int64], " A"], Int[NDArray[np.int64], " B"]]:
    """A random split of the rows into halves in which each value is equally frequent, up to one row."""
    order = np.lexsort((random.random(len(values)), values))
    return order[::2], order[1::2]


def training_and_test(
    k: int, levels: Int[NDArray[np.int64], " N"], random: np.random.Generator, n_train: int
) -> tuple[Int[NDArray[np.int64], " A"], Int[NDArray[np.int64], " B"]]:
    """`halves` for a classifier of factor k, of which the first has at most `n_train` rows.

    Each value loses the same share of its rows, up to one row.

    Raises:
        UserError: `n_train` is below 2, or the first half has one value.
    """
    at_least("n_train", n_train, 2)
    first, second = halves(levels, random)
    if n_train < len(first):
        first = first[np.linspace(0, len(first) - 1, n_train).astype(np.int64)]
    if np.ptp(levels[first]) == 0:
        check_rarest(k, levels, least=2)
    return first, second
