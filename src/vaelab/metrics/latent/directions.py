"""Rank correlation of directions of a latent space with measured factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, finite
from vaelab.metrics.latent.ranks import standard_ranks


@dataclass(frozen=True)
class Direction:
    """A direction of a latent plane and its correlation with a factor."""

    angle: float
    """Degrees in [0, 180) from the first axis towards the second."""
    correlation: float
    """Spearman correlation; positive if the factor grows along the direction."""


@dataclass(frozen=True)
class Rotation:
    """Two orthogonal axes of a latent plane and their correlations with factors."""

    angle: float
    """Degrees in [0, 180) from the first latent dimension to the first axis; the second axis is 90 degrees further."""
    first_correlation: float
    """Largest |Spearman| of the first axis with one of the first factors."""
    second_correlation: float
    """Smallest |Spearman| of the second axis with one of the second factors."""
    first_factor: int
    """Index of the first factor with the largest correlation with the first axis."""

    @property
    def weaker(self) -> float:
        """The smaller of both correlations, which `best_rotation` maximises."""
        return min(self.first_correlation, self.second_correlation)


def rank_correlation(
    z: Float[NDArray[np.float64], "N D"], factor: Float[NDArray[np.float64], " N"]
) -> Float[NDArray[np.float64], " D"]:
    """Spearman correlation of each latent dimension with a factor (Spearman 1904); 0 for a constant dimension.

    Rows in which the factor is nan, for example for an empty image, are excluded.

    Args:
        z: N points.
        factor: one number per point.

    Raises:
        UserError: fewer than three rows without nan, a value of z that is not finite, or a constant factor.

    >>> rank_correlation(np.array([[0.0, 3.0], [1.0, 2.0], [2.0, 1.0]]), np.array([1.0, 10.0, 100.0])).round(6)
    array([ 1., -1.])
    """
    z, ranks = _ready(z, factor=factor[:, None])
    return standard_ranks(z).T @ ranks[0][:, 0]


def best_direction(
    z: Float[NDArray[np.float64], "N 2"], factor: Float[NDArray[np.float64], " N"], angles: int = 180
) -> Direction:
    """The direction of a latent plane with the largest |Spearman| correlation with a factor.

    Rows in which the factor is nan are excluded. A maximum over angles is positive even by chance.

    Args:
        z: N points of the plane.
        factor: one number per point.
        angles: number of directions, evenly spaced over 180 degrees.

    Raises:
        UserError: as `rank_correlation`, or `angles` is below 1.
    """
    at_least("angles", angles, 1)
    z, ranks = _ready(z, factor=factor[:, None])
    correlations = _projected_ranks(z, angles).T @ ranks[0][:, 0]
    best = int(np.abs(correlations).argmax())
    return Direction(180 * best / angles, float(correlations[best]))


def best_rotation(
    z: Float[NDArray[np.float64], "N 2"],
    first: Float[NDArray[np.float64], "N F1"],
    second: Float[NDArray[np.float64], "N F2"],
    angles: int = 180,
) -> Rotation:
    r"""The rotation of a latent plane whose first axis best encodes one factor, and whose second axis others.

        argmax over theta of min(max_f |rho(u_theta, first_f)|, min_f |rho(u_{theta + 90}, second_f)|)

    u_theta is the coordinate of z along theta, and rho Spearman's correlation. The first axis has to encode any one of
    the first factors, for example slant or rotation, and the second axis all of the second factors, for example
    thickness and scale. Rows in which a factor is nan are excluded. A maximum over angles is positive even by chance:
    `permuted_rotation` gives its quantiles.

    Args:
        z: N points of the plane.
        first: factors, one per column, of which the first axis has to encode any.
        second: factors, one per column, of which the second axis has to encode all.
        angles: number of rotations, evenly spaced over 180 degrees; even.

    Raises:
        UserError: as `rank_correlation`, or `angles` is odd.
    """
    z, (one, two) = _ready(z, first=first, second=second)
    projected = _rotations(z, angles)
    firsts, seconds = _carried(projected, one), _at_right_angles(_carried(projected, two))
    best = int(np.minimum(firsts.max(1), seconds.min(1)).argmax())
    return Rotation(
        angle=180 * best / angles,
        first_correlation=float(firsts[best].max()),
        second_correlation=float(seconds[best].min()),
        first_factor=int(firsts[best].argmax()),
    )


def permuted_rotation(
    z: Float[NDArray[np.float64], "N 2"],
    first: Float[NDArray[np.float64], "N F1"],
    second: Float[NDArray[np.float64], "N F2"],
    angles: int = 180,
    permutations: int = 200,
    quantile: float = 0.95,
    seed: int = 0,
) -> float:
    """A quantile of `best_rotation(...).weaker` by chance: with the rows of the factors permuted.

    All factors are permuted together, which keeps their dependence on each other. A plane that is unrelated to the
    factors exceeds the 95 % quantile once in twenty times.

    Args:
        z, first, second, angles: as for `best_rotation`.
        permutations: number of permutations.
        quantile: in [0, 1].
        seed: of the permutations.

    Raises:
        UserError: as `best_rotation`, `permutations` below 1, or `quantile` outside [0, 1].
    """
    at_least("permutations", permutations, 1)
    if not 0 <= quantile <= 1:
        raise UserError(f"quantile is {quantile}, but must be from 0 to 1; give a share such as 0.95")
    z, (one, two) = _ready(z, first=first, second=second)
    projected, random = _rotations(z, angles), np.random.default_rng(seed)
    reached = []
    for _ in range(permutations):
        order = random.permutation(len(z))
        firsts, seconds = _carried(projected, one[order]), _at_right_angles(_carried(projected, two[order]))
        reached.append(np.minimum(firsts.max(1), seconds.min(1)).max())
    return float(np.quantile(reached, quantile))


def _at_right_angles(carried: Float[NDArray[np.float64], "A F"]) -> Float[NDArray[np.float64], "A F"]:
    """The correlations of the direction 90 degrees further, for each angle."""
    return np.roll(carried, -(len(carried) // 2), axis=0)


def _rotations(z: Float[NDArray[np.float64], "N 2"], angles: int) -> Float[NDArray[np.float64], "N A"]:
    """Standardised ranks along each angle of a grid that contains right angles."""
    at_least("angles", angles, 2)
    if angles % 2:
        raise UserError(f"angles is {angles}, but must be even, so that the grid contains right angles; add one")
    return _projected_ranks(z, angles)


def _projected_ranks(z: Float[NDArray[np.float64], "N 2"], angles: int) -> Float[NDArray[np.float64], "N A"]:
    """Standardised ranks of z along each of `angles` directions over 180 degrees."""
    theta = np.pi * np.arange(angles) / angles
    return standard_ranks(z @ np.stack([np.cos(theta), np.sin(theta)]))


def _carried(
    projected: Float[NDArray[np.float64], "N A"], factors: Float[NDArray[np.float64], "N F"]
) -> Float[NDArray[np.float64], "A F"]:
    """|Spearman| of every direction with every factor, from the standardised ranks of both."""
    return np.abs(projected.T @ factors)


def _ready(
    z: NDArray[np.float64], **factors: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """The rows of z without a nan in any factor, and the standardised ranks of the factors there."""
    finite("z", z)
    for name, values in factors.items():
        if len(values) != len(z) or values.shape[1] == 0:
            raise UserError(
                f"{name} has shape {values.shape}, but z has {len(z)} rows; give one row per z and at least one column"
            )
    known = ~np.isnan(np.concatenate(list(factors.values()), axis=1)).any(1)
    if known.sum() < 3:
        raise UserError(
            f"{' and '.join(factors)}: {known.sum()} rows have no nan, but at least three are needed; give more"
        )
    kept = []
    for name, values in factors.items():
        still = np.ptp(values[known], axis=0) == 0
        if still.any():
            raise UserError(
                f"{name} is {values[known][0, still][0]} in every row, but must vary to be correlated; leave it out"
            )
        kept.append(standard_ranks(values[known]))
    return z[known], kept
