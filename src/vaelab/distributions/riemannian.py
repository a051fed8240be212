"""Hamiltonian dynamics on a Riemannian manifold: momenta that follow a metric, and implicit leapfrog steps."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vaelab.distributions.hamiltonian import Kinetic, Slope
from vaelab.distributions.metric import MatrixAt, MatrixField

# Iterations after which a fixed point counts as not found.
_ITERATIONS = 30
# How far, in units of the tolerance, the step back from the end of a step may miss its start.
_RETURN = 100.0


class Riemannian(Kinetic):
    r"""Momenta from N(0, G(z)), and the generalised leapfrog, for an inverse metric G^-1.

        r' = r + e/2 [grad log f(z) - grad K(z, r')],      z' = z + e/2 [G^-1(z) + G^-1(z')] r',
        r'' = r' + e/2 [grad log f(z') - grad K(z', r')],      K(z, r) = r^T G^-1(z) r / 2 - 1/2 log det G^-1(z)

    Girolami and Calderhead (2011), equations 15 to 17; Chadebec, Mantoux and Allassonniere (2020). The first two
    equations are implicit, and solved by fixed-point iterations to a precision of 6e-6 in float32. Where one does not
    converge, or the step back does not return, the position stays and the momentum is reversed. Steps of both
    kinds together are a bijection that preserves volume, so a bound that rests on them holds.

    Args:
        inverse_metric: G^-1.
    """

    def __init__(self, inverse_metric: MatrixField) -> None:
        self.inverse_metric = inverse_metric

    def draw(self, z: Float[Tensor, "*S D"]) -> Float[Tensor, "*S D"]:
        """A momentum per position, from N(0, G(z))."""
        # With C C^T = G^-1, the covariance of C^-T n is G.
        upper = self.inverse_metric.at(z).factor.mT
        drawn: Tensor = torch.linalg.solve_triangular(upper, torch.randn_like(z)[..., None], upper=True)
        return drawn[..., 0]

    def log_prob(self, momentum: Float[Tensor, "*S D"], z: Float[Tensor, "*S D"]) -> Float[Tensor, "*S"]:
        """log N(momentum; 0, G(z))."""
        here = self.inverse_metric.at(z)
        quadratic = (momentum * _times(here.matrix, momentum)).sum(-1)
        return here.half_log_det - quadratic / 2 - momentum.shape[-1] * math.log(2 * math.pi) / 2

    def step(self, slope: Slope, z: Tensor, momentum: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """A generalised leapfrog step, or a reversed momentum where there is none."""
        there, half, found = self._half_way(slope(z), z, momentum, step)
        log_slope = slope(there)
        end = half + step / 2 * self._force(log_slope, self.inverse_metric.at(there), half)
        with torch.no_grad():
            back, _, returns = self._half_way(log_slope, there, -end, step)
            near = _close(back, z, _RETURN)
        valid = (found & returns & near)[..., None]
        # The same tensor, so that a `Potential` computes its slope once.
        position = there if bool(valid.all()) else torch.where(valid, there, z)
        return position, torch.where(valid, end, -momentum)

    def _half_way(
        self, log_slope: Tensor, z: Tensor, momentum: Tensor, step: Tensor
    ) -> tuple[Tensor, Tensor, Bool[Tensor, "*S"]]:
        """The next position, the momentum half-way, and where both implicit equations were solved."""
        here = self.inverse_metric.at(z)
        half, first = fixed_point(lambda r: momentum + step / 2 * self._force(log_slope, here, r), momentum)
        velocity = _times(here.matrix, half)

        def moved(guess: Tensor) -> Tensor:
            return z + step / 2 * (velocity + _times(self.inverse_metric.at(guess).matrix, half))

        there, second = fixed_point(moved, z)
        return there, half, first & second

    def _force(self, log_slope: Tensor, here: MatrixAt, momentum: Tensor) -> Tensor:
        """grad log f - grad K."""
        outer = momentum[..., :, None] * momentum[..., None, :]
        return log_slope - here.slope((outer - here.inverse) / 2)


def fixed_point(function: Callable[[Tensor], Tensor], start: Tensor) -> tuple[Tensor, Bool[Tensor, "*S"]]:
    """x with x = function(x), by iteration, and for which points it was found; the others are left at the start.

    Gradients pass through the iterations. Those of a point that runs away stop while its numbers are small, since a
    gradient of zero times infinity would be nan.

    >>> fixed_point(lambda x: 0.9 + x / 10, torch.zeros(1, 1, dtype=torch.float64))
    (tensor([[1.0000]], dtype=torch.float64), tensor([True]))
    """
    value, lost = start, torch.zeros_like(start[..., 0], dtype=torch.bool)
    for _ in range(_ITERATIONS):
        following = function(value)
        lost = lost | ~((following - start).detach().abs().amax(-1) < 1e3 * (1 + start.detach().abs().amax(-1)))
        following = torch.where(lost[..., None], start, following)
        found = _close(following.detach(), value.detach(), 1.0) & ~lost
        value = following
        if bool((found | lost).all()):
            break
    return torch.where(found[..., None], value, start), found


def _close(a: Tensor, b: Tensor, factor: float) -> Bool[Tensor, "*S"]:
    """Whether two points agree up to the tolerance, relative for large numbers."""
    tolerance: float = factor * torch.finfo(a.dtype).eps ** 0.75
    return ((a - b).abs() <= tolerance * (1 + b.abs())).all(-1)


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    product: Tensor = (matrix @ vector[..., None])[..., 0]
    return product
