"""Hamiltonian dynamics with tempering, as a normalising flow: leapfrog steps that gradients can flow through."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Slope = Callable[[Tensor], Tensor]
"""The gradient of a log density at z, of the shape of z."""


def leapfrog(slope: Slope, z: Tensor, momentum: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    r"""Half a step of momentum, a step of position, half a step of momentum, with unit masses.

        r' = r + e/2 grad log f(z),      z' = z + e r',      r'' = r' + e/2 grad log f(z')

    Neal (2011), section 2.3. The map preserves volume, and takes (z', -r'') back to (z, -r).

    Args:
        slope: grad log f.
        z: position.
        momentum: r.
        step: e, in units of z; it may differ between dimensions.
    """
    momentum = momentum + step / 2 * slope(z)
    z = z + step * momentum
    return z, momentum + step / 2 * slope(z)


class Potential:
    """log f and its gradient at z; a point that is asked for twice in a row is computed once.

    Args:
        log_density: log f of z, (S, B, D) to (S, B).
        through: keep the graph, so that both have gradients with respect to z and to what log f depends on.
    """

    def __init__(self, log_density: Callable[[Tensor], Tensor], through: bool) -> None:
        self._log_density, self._through = log_density, through
        self._known: tuple[Tensor, Tensor, Tensor] | None = None

    def value(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """log f(z)."""
        return self._at(z)[1]

    def slope(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B D"]:
        """grad log f(z)."""
        return self._at(z)[2]

    def _at(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self._known is None or self._known[0] is not z:
            inside = z if self._through and z.requires_grad else z.detach().requires_grad_()
            with torch.enable_grad():
                value = self._log_density(inside)
                (slope,) = torch.autograd.grad(value.sum(), inside, create_graph=self._through)
            self._known = (z, value, slope) if self._through else (z, value.detach(), slope)
        return self._known


class Kinetic(ABC):
    """The law of momenta given the position, and a step that preserves the volume of both."""

    @abstractmethod
    def draw(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B D"]:
        """A momentum per position, without tempering."""

    @abstractmethod
    def log_prob(self, momentum: Float[Tensor, "S B D"], z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """Log density of the momentum, nats."""

    @abstractmethod
    def step(self, slope: Slope, z: Tensor, momentum: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """A step of position and momentum."""


class Euclidean(Kinetic):
    """Momenta from N(0, I) wherever z is, and the leapfrog."""

    def draw(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B D"]:
        """A momentum per position."""
        return torch.randn_like(z)

    def log_prob(self, momentum: Float[Tensor, "S B D"], z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """log N(momentum; 0, I)."""
        return -momentum.square().sum(-1) / 2 - momentum.shape[-1] * math.log(2 * math.pi) / 2

    def step(self, slope: Slope, z: Tensor, momentum: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """A leapfrog step."""
        return leapfrog(slope, z, momentum, step)


def quadratic_tempering(beta: Tensor, steps: int) -> Float[Tensor, "K ..."]:
    r"""The factors on the momentum after each of K steps, sqrt(beta_{k-1} / beta_k), from beta_0 to beta_K = 1.

        beta_k^{-1/2} = beta_0^{-1/2} + (1 - beta_0^{-1/2}) k^2 / K^2

    The fixed tempering of Caterini, Doucet and Sejdinovic (2018).

    >>> quadratic_tempering(torch.tensor(0.25), 2)
    tensor([0.8750, 0.5714])
    """
    start = beta.rsqrt()
    roots = torch.stack([start + (1 - start) * (k / max(steps, 1)) ** 2 for k in range(steps + 1)])
    return roots[1:] / roots[:-1]


def trajectory(
    slope: Slope, kinetic: Kinetic, z: Tensor, momentum: Tensor, step: Tensor, factors: Float[Tensor, "K ..."]
) -> tuple[Tensor, Tensor]:
    r"""K steps from a position and the momentum before tempering.

        r_0 = momentum / prod_k a_k,      (z_k, r_k) = (z', a_k r') with (z', r') a step from (z_{k-1}, r_{k-1})

    What the division expands, the factors a_k contract, so the whole map preserves volume.
    """
    momentum = momentum / factors.prod(0)
    for factor in factors:
        z, momentum = kinetic.step(slope, z, momentum, step)
        momentum = factor * momentum
    return z, momentum


def hamiltonian_log_weight(
    potential: Potential,
    kinetic: Kinetic,
    z: Float[Tensor, "S B D"],
    log_q: Float[Tensor, "S B"],
    step: Tensor,
    factors: Float[Tensor, "K ..."],
) -> Float[Tensor, "S B"]:
    r"""log w of a trajectory from a draw z_0 of q and a fresh momentum g, nats; E[w] is the integral of f.

        log w = log f(z_K) + log p(r_K | z_K) - log q(z_0) - log p(g | z_0)

    The trajectory preserves volume, so q(z_0) p(g | z_0) is the density of its end (Caterini, Doucet and Sejdinovic
    2018). Of log p(g | z_0) its draw stands here, not its mean, since it cancels noise of log p(r_K | z_K). Without
    steps, w is the importance weight of z_0.

    Args:
        potential: log f.
        kinetic: p(momentum | z) and the step.
        z: draws of q.
        log_q: log q(z).
        step: step size, per dimension or per image and dimension.
        factors: of the tempering, one for each step, in (0, 1].
    """
    momentum = kinetic.draw(z)
    end, last = trajectory(potential.slope, kinetic, z, momentum, step, factors)
    return potential.value(end) + kinetic.log_prob(last, end) - log_q - kinetic.log_prob(momentum, z)
