"""What every measure of disentanglement asks of its factors: checks, levels, and halves to learn on and to test on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, points, same_rows


def check_table(codes: NDArray[Any], factors: NDArray[Any]) -> None:
    """Refuse codes and factors of which nothing can be learned.

    Raises:
        UserError: there are fewer than four rows, the numbers of rows differ, a value is not finite, or a factor is
            constant.
    """
    points("codes", codes, least=4)
    points("factors", factors, least=4)
    same_rows("factors", factors, "codes", codes)
    constant = np.flatnonzero(np.ptp(factors, axis=0) == 0)
    if len(constant):
        k = constant[0]
        raise UserError(f"factors[:, {k}] is {factors[0, k]:g} in every row, but must vary; leave column {k} out")


def check_several(factors: NDArray[Any]) -> None:
    """Refuse a single factor where it is asked which factor something is.

    Raises:
        UserError: there is one column.
    """
    if factors.shape[1] < 2:
        raise UserError(f"factors has {factors.shape[1]} column, but at least two are needed; give more factors")


def standardise(codes: Float[NDArray[np.float64], "N D"]) -> Float[NDArray[np.float64], "N D"]:
    """Each code with mean 0 and variance 1; a constant one is all 0.

    >>> standardise(np.array([[1.0, 0.1], [5.0, 0.1], [3.0, 0.1], [3.0, 0.1]]))[:2, 1]
    array([0., 0.])
    """
    # A constant less its mean can be off by rounding, which division would scale up to a code.
    scale = codes.std(0)
    live = (np.ptp(codes, axis=0) > 0) & (scale > 0)
    standard: NDArray[np.float64] = (codes - codes.mean(0)) / np.where(live, scale, np.inf)
    return standard


def discretise(values: Float[NDArray[np.float64], "N C"], bins: int) -> Int[NDArray[np.int64], "N C"]:
    """Each column as integers from 0, alone from the order of its values.

    A column of at most `bins` distinct values keeps each as a level of its own. Any other is cut by ranks into bins
    that hold equally many rows as far as ties allow, which are never parted; so a change of scale, or any
    other that keeps the order, changes nothing.

    >>> discretise(np.array([[0.1, 7.0], [0.2, 7.0], [0.4, 9.0], [90.0, 7.0]]), bins=2)
    array([[0, 0],
           [0, 0],
           [1, 1],
           [1, 0]])
    """
    from scipy.stats import rankdata

    # Ranks start at 1 and ties share their mean, a multiple of a half: doubled, the cut is one of integers.
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
    """The factors as levels, each of which at least so many rows share.

    Raises:
        UserError: `factor_bins` is below 2, or a level has fewer rows.
    """
    at_least("factor_bins", factor_bins, 2)
    levels = discretise(factors, factor_bins)
    for k in range(levels.shape[1]):
        check_rarest(k, levels[:, k], least)
    return levels


def check_rarest(k: int, levels: NDArray[Any], least: int) -> None:
    """Refuse a factor of which a value is too rare.

    Raises:
        UserError: fewer than `least` rows have it.
    """
    rarest = np.unique(levels, return_counts=True)[1].min()
    if rarest < least:
        raise UserError(
            f"factors[:, {k}] has {rarest} row(s) of its rarest value, but at least {least} are needed; "
            "give more rows, or leave such rows out"
        )


def which_categorical(
    factors: Float[NDArray[np.float64], "N K"], categorical: Sequence[int]
) -> Bool[NDArray[np.bool_], " K"]:
    """For each factor whether its values are names, not numbers.

    Raises:
        UserError: a column is not there, or one of its values has a single row, so that it cannot be both learned
            and tested.
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
    """The rows in two halves at random, of which either has each value as often as the other, give or take one row."""
    order = np.lexsort((random.random(len(values)), values))
    return order[::2], order[1::2]
