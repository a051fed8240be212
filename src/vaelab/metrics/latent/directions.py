"""What the directions of a latent space carry, by rank correlation with measured factors."""

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
    """A direction of the plane and what it carries of a factor."""

    angle: float
    """Degrees in [0, 180) from the first axis towards the second."""
    correlation: float
    """Spearman's, with its sign: positive where the factor grows along the angle."""


@dataclass(frozen=True)
class Rotation:
    """Two axes at a right angle and what each carries."""

    angle: float
    """Degrees in [0, 180) from the latent's first axis to the first of these; the second is 90 degrees further."""
    first_correlation: float
    """The largest |Spearman| of the first axis with one of the first factors."""
    second_correlation: float
    """The least |Spearman| of the second axis with one of the second factors."""
    first_factor: int
    """Which of the first factors the first axis carries most."""

    @property
    def weaker(self) -> float:
        """The lesser of both correlations: what the rotation makes largest."""
        return min(self.first_correlation, self.second_correlation)


def rank_correlation(
    z: Float[NDArray[np.float64], "N D"], factor: Float[NDArray[np.float64], " N"]
) -> Float[NDArray[np.float64], " D"]:
    """Spearman's correlation of each axis with a factor (Spearman 1904), from -1 to 1; 0 for a constant axis.

    Codes of which the factor is nan, as of an empty image, are left out.

    Raises:
        UserError: fewer than three codes are left, a code is not finite, or the factor does not vary.

    >>> rank_correlation(np.array([[0.0, 3.0], [1.0, 2.0], [2.0, 1.0]]), np.array([1.0, 10.0, 100.0])).round(6)
    array([ 1., -1.])
    """
    z, ranks = _ready(z, factor=factor[:, None])
    return standard_ranks(z).T @ ranks[0][:, 0]


def best_direction(
    z: Float[NDArray[np.float64], "N 2"], factor: Float[NDArray[np.float64], " N"], angles: int = 180
) -> Direction:
    """The direction of a latent plane along which a factor is most nearly monotone: with the largest |Spearman|.

    Codes of which the factor is nan are left out. A maximum over angles is positive by chance too.

    Args:
        z: codes of two dimensions.
        factor: a number for each code.
        angles: directions that are tried, spread evenly over half a turn.

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
    r"""The rotation of a latent plane whose first axis best carries one factor and whose second carries others.

    argmax over theta of min(max_f |rho(u_theta, first_f)|, min_f |rho(u_{theta + 90}, second_f)|), where u_theta is
    the code along theta and rho Spearman's correlation: one of the first factors, such as slant or rotation, and all of
    the second, such as thickness and scale. Codes of which a factor is nan are left out. A maximum over angles is
    positive by chance too: `permuted_rotation` says how large it then is.

    Args:
        z: codes of two dimensions.
        first: factors of which the first axis may carry any, a column each.
        second: factors of which the second axis is to carry all.
        angles: rotations that are tried, spread evenly over half a turn; an even number.

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
    """What `best_rotation(...).weaker` reaches by chance: a quantile of it, with factors permuted among the codes.

    All factors are permuted alike, so that how they depend on one another stays. A plane that carries nothing
    exceeds the 95 per cent quantile one time in twenty.

    Args:
        z, first, second, angles: as `best_rotation` takes them.
        permutations: how many.
        quantile: in [0, 1].
        seed: of the permutations.

    Raises:
        UserError: as `best_rotation`, `permutations` is below 1, or the quantile lies outside.
    """
    at_least("permutations", permutations, 1)
    if not 0 <= quantile <= 1:
        raise UserError(f"quantile is {quantile}, but must be from 0 to 1")
    z, (one, two) = _ready(z, first=first, second=second)
    projected, random = _rotations(z, angles), np.random.default_rng(seed)
    reached = []
    for _ in range(permutations):
        order = random.permutation(len(z))
        firsts, seconds = _carried(projected, one[order]), _at_right_angles(_carried(projected, two[order]))
        reached.append(np.minimum(firsts.max(1), seconds.min(1)).max())
    return float(np.quantile(reached, quantile))


def _at_right_angles(carried: Float[NDArray[np.float64], "A F"]) -> Float[NDArray[np.float64], "A F"]:
    """What the direction 90 degrees further carries, for each of the angles over half a turn."""
    return np.roll(carried, -(len(carried) // 2), axis=0)


def _rotations(z: Float[NDArray[np.float64], "N 2"], angles: int) -> Float[NDArray[np.float64], "N A"]:
    """Standardised ranks along each angle of a grid that has a right angle in it."""
    at_least("angles", angles, 2)
    if angles % 2:
        raise UserError(f"angles is {angles}, but must be even, so that a right angle is among them; add one")
    return _projected_ranks(z, angles)


def _projected_ranks(z: Float[NDArray[np.float64], "N 2"], angles: int) -> Float[NDArray[np.float64], "N A"]:
    """Standardised ranks of the codes along each of `angles` directions over half a turn."""
    theta = np.pi * np.arange(angles) / angles
    return standard_ranks(z @ np.stack([np.cos(theta), np.sin(theta)]))


def _carried(
    projected: Float[NDArray[np.float64], "N A"], factors: Float[NDArray[np.float64], "N F"]
) -> Float[NDArray[np.float64], "A F"]:
    """|Spearman| of every direction with every factor, given the standardised ranks of both."""
    return np.abs(projected.T @ factors)


def _ready(
    z: NDArray[np.float64], **factors: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """The codes of which every factor is known, and the standardised ranks of the factors there."""
    finite("z", z)
    for name, values in factors.items():
        if len(values) != len(z) or values.shape[1] == 0:
            raise UserError(f"{name} has {len(values)} rows, but there are {len(z)} codes; give one number a code")
    known = ~np.isnan(np.concatenate(list(factors.values()), axis=1)).any(1)
    if known.sum() < 3:
        raise UserError(
            f"{' and '.join(factors)} are known of {known.sum()} codes, but at least three are needed; give more"
        )
    kept = []
    for name, values in factors.items():
        still = np.ptp(values[known], axis=0) == 0
        if still.any():
            raise UserError(
                f"{name} is {values[known][0, still][0]} for every code, but must vary to be correlated; leave it out"
            )
        kept.append(standard_ranks(values[known]))
    return z[known], kept
