"""A test whether two sets of points have the same distribution, and the moments of a set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, points


@dataclass(frozen=True)
class MmdTest:
    """Result of `mmd_test`."""

    squared_mmd: float
    """Unbiased estimate of the squared maximum mean discrepancy; it can be negative."""
    p_value: float
    """Share of permutations, including the given order, with an estimate at least as large."""
    bandwidth: float
    """sigma of the kernel, in units of the points."""


def mmd_test(
    x: Float[NDArray[np.float64], "N D"],
    y: Float[NDArray[np.float64], "M D"],
    permutations: int = 500,
    seed: int = 0,
) -> MmdTest:
    r"""Permutation test whether two sets of points have the same distribution, by the maximum mean discrepancy.

        MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y),      over pairs of different points

    Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012), equation 3; its expectation is 0 if the distributions are
    equal. The kernel is k(u, v) = exp(-|u - v|^2 / (2 sigma^2)), with sigma the median distance between two points of
    both sets (section 8). The p-value counts permutations of the points between the sets, including the given one
    (Phipson and Smyth 2010), and is valid for any number of points.

    `vaelab.objectives.mmd` has another estimate for another purpose: biased, never negative, and with a fixed
    bandwidth, so that it is a differentiable loss.

    Time and memory grow with the square of N + M: 4,000 points take 128 MB per matrix.

    Args:
        x, y: the two sets.
        permutations: number of permutations; the smallest possible p-value is 1 / (1 + permutations).
        seed: of the permutations.

    Raises:
        UserError: a set with fewer than two points, a value that is not finite, different dimensions, or sets in which
            most points coincide.
    """
    from scipy.spatial.distance import pdist, squareform

    at_least("permutations", permutations, 1)
    points("x", x)
    points("y", y)
    if x.shape[1] != y.shape[1]:
        raise UserError(f"y has {y.shape[1]} dimensions, but x has {x.shape[1]}; give points of one space")
    n, m = len(x), len(y)
    squares = pdist(np.concatenate([x, y]), "sqeuclidean")
    bandwidth = float(np.sqrt(np.median(squares)))
    if bandwidth == 0:
        raise UserError("the median distance between points of x and y is 0: most of them coincide; remove duplicates")
    # The diagonal, the pairs of a point with itself, stays 0: the unbiased estimate excludes it.
    gram = squareform(np.exp(-squares / (2 * bandwidth**2)))

    # Each row marks the points that are assigned to x; the first row is the given order.
    taken = np.tile(np.arange(n + m) < n, (1 + permutations, 1))
    taken[1:] = np.random.default_rng(seed).permuted(taken[1:], axis=1)
    is_x = taken.T.astype(np.float64)
    of_point = gram.sum(0)
    within_x = (is_x * (gram @ is_x)).sum(0)
    from_x = of_point @ is_x
    across = from_x - within_x
    within_y = of_point.sum() - from_x - across
    estimates = within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)
    # Permutations that only reorder within the sets give the same number up to rounding, and must count.
    as_large = estimates >= estimates[0] - 1e-12
    return MmdTest(float(estimates[0]), float(as_large.mean()), bandwidth)


@dataclass(frozen=True)
class Moments:
    """Moments of a set of points in each dimension, and their correlations."""

    mean: Float[NDArray[np.float64], " D"]
    std: Float[NDArray[np.float64], " D"]
    """Standard deviation, with divisor N."""
    skewness: Float[NDArray[np.float64], " D"]
    """Mean cube of the standardised values: 0 for a normal, with a standard error of sqrt(6 / N)."""
    excess_kurtosis: Float[NDArray[np.float64], " D"]
    """Mean fourth power of the standardised values, minus 3: 0 for a normal, with standard error sqrt(24 / N)."""
    correlation: Float[NDArray[np.float64], "D D"]
    """Pearson correlation between dimensions."""


def moments(z: Float[NDArray[np.float64], "N D"]) -> Moments:
    """The first four moments of each dimension, and the correlations; 0, 1, 0, 0 and the identity for N(0, I).

    Skewness, kurtosis and correlations of a constant dimension are nan.

    Args:
        z: N points.

    Raises:
        UserError: fewer than two points, or a value that is not finite.
    """
    points("z", z)
    mean, std = z.mean(0), z.std(0)
    # The mean of equal numbers can have a rounding error, which would look like variance.
    std[np.ptp(z, 0) == 0] = 0
    with np.errstate(invalid="ignore", divide="ignore"):
        standard = np.where(std > 0, (z - mean) / std, np.nan)
    correlation = standard.T @ standard / len(z)
    return Moments(mean, std, (standard**3).mean(0), (standard**4).mean(0) - 3, correlation)
