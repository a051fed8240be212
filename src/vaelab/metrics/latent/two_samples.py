"""Whether two sets of points come from one distribution, and how a set differs from a standard normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, points


@dataclass(frozen=True)
class MmdTest:
    """What `mmd_test` gives."""

    squared_mmd: float
    """The unbiased estimate of the squared maximum mean discrepancy; it can be negative."""
    p_value: float
    """The share of permutations, the given order among them, with an estimate at least as large."""
    bandwidth: float
    """sigma of the kernel, in the units of the points."""


def mmd_test(
    x: Float[NDArray[np.float64], "N D"],
    y: Float[NDArray[np.float64], "M D"],
    permutations: int = 500,
    seed: int = 0,
) -> MmdTest:
    r"""Test whether two sets of points come from one distribution, by their maximum mean discrepancy.

    The mean of k(x, x') over pairs, and of k(y, y'), less twice the mean of k(x, y): Gretton, Borgwardt, Rasch,
    Schölkopf and Smola (2012), equation 3, which is 0 on average where the distributions are the same. The kernel is
    k(u, v) = exp(-|u - v|^2 / (2 sigma^2)) with sigma the median distance between two points of both sets, as in
    section 8 there. The p-value counts permutations of the points between the sets, the given one among them
    (Phipson and Smyth 2010), and is valid at any number of points.

    `vaelab.objectives.mmd` is another estimate for another use: the biased one, never negative, with a bandwidth that
    is fixed, so that it is a loss with gradients.

    Time and memory grow with the square of N + M: 4,000 points take 128 MB a matrix.

    Args:
        x, y: the two sets.
        permutations: how many; the least p-value is 1 / (1 + permutations).
        seed: of the permutations.

    Raises:
        UserError: a set has fewer than two points, a value is not finite, dimensions differ, or most points coincide.
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
        raise UserError("the median distance between points of x and y is 0: most of them coincide; remove repetitions")
    # The diagonal, a point with itself, is 0 in this form, as the unbiased estimate wants it.
    gram = squareform(np.exp(-squares / (2 * bandwidth**2)))

    # Each column says with 1 which points are taken for x; the first column is the truth.
    taken = np.tile(np.arange(n + m) < n, (1 + permutations, 1))
    taken[1:] = np.random.default_rng(seed).permuted(taken[1:], axis=1)
    is_x = taken.T.astype(np.float64)
    of_point = gram.sum(0)
    within_x = (is_x * (gram @ is_x)).sum(0)
    from_x = of_point @ is_x
    across = from_x - within_x
    within_y = of_point.sum() - from_x - across
    estimates = within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)
    # Permutations that only reorder within the sets give the same number up to rounding, and count.
    as_large = estimates >= estimates[0] - 1e-12
    return MmdTest(float(estimates[0]), float(as_large.mean()), bandwidth)


@dataclass(frozen=True)
class Moments:
    """Moments of a set of points in each dimension, and how dimensions go together."""

    mean: Float[NDArray[np.float64], " D"]
    std: Float[NDArray[np.float64], " D"]
    """The standard deviation, of the points as they are: divided by N."""
    skewness: Float[NDArray[np.float64], " D"]
    """The mean cube of the standardised values; 0 for a normal, with a standard error of sqrt(6 / N)."""
    excess_kurtosis: Float[NDArray[np.float64], " D"]
    """Their mean fourth power less 3; 0 for a normal, with a standard error of sqrt(24 / N)."""
    correlation: Float[NDArray[np.float64], "D D"]
    """Pearson's, between dimensions."""


def moments(z: Float[NDArray[np.float64], "N D"]) -> Moments:
    """The first four moments of each dimension and the correlations: of N(0, I) they are 0, 1, 0, 0 and the identity.

    In a dimension that is constant the third, the fourth and the correlations are nan.

    Raises:
        UserError: there are fewer than two points, or a value is not finite.
    """
    points("z", z)
    mean, std = z.mean(0), z.std(0)
    # The mean of equal numbers can be off by rounding; what then seems to vary does not.
    std[np.ptp(z, 0) == 0] = 0
    with np.errstate(invalid="ignore", divide="ignore"):
        standard = np.where(std > 0, (z - mean) / std, np.nan)
    correlation = standard.T @ standard / len(z)
    return Moments(mean, std, (standard**3).mean(0), (standard**4).mean(0) - 3, correlation)
