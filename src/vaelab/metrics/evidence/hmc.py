"""Hamiltonian Monte Carlo for many chains at once, over densities that are weighted sums of a few log terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Terms = Callable[[Tensor], tuple[Tensor, ...]]
"""From codes (S, B, D) to K log terms of shape (S, B), through which gradients flow."""


@dataclass(frozen=True)
class Point:
    """S chains for each of B images, with K log terms and their slopes there.

    The density is exp(sum_k w_k term_k). Terms are kept apart, so that a chain that goes on under other weights need
    not decode its codes again.
    """

    z: Float[Tensor, "S B D"]
    terms: Float[Tensor, "K S B"]
    slopes: Float[Tensor, "K S B D"]

    def log_density(self, weights: Sequence[float]) -> Float[Tensor, "S B"]:
        """sum_k w_k term_k, nats."""
        log_p: Tensor = torch.tensordot(self.terms.new_tensor(weights), self.terms, 1)
        return log_p

    def gradient(self, weights: Sequence[float]) -> Float[Tensor, "S B D"]:
        """Of the log density, with respect to z."""
        slope: Tensor = torch.tensordot(self.slopes.new_tensor(weights), self.slopes, 1)
        return slope

    def where(self, chosen: Tensor, other: Point) -> Point:
        """This point in the chains (S, B) that are chosen, the other elsewhere."""
        return Point(
            torch.where(chosen[..., None], self.z, other.z),
            torch.where(chosen, self.terms, other.terms),
            torch.where(chosen[..., None], self.slopes, other.slopes),
        )


def evaluate(terms: Terms, z: Float[Tensor, "S B D"]) -> Point:
    """The terms and their slopes at z; the weights of a model have no part in the gradient, and none is kept."""
    z = z.detach().requires_grad_()
    with torch.enable_grad():
        values = terms(z)
        # Terms may have a part in common, whose graph is needed again.
        slopes = [torch.autograd.grad(value.sum(), z, retain_graph=True)[0] for value in values]
    # Sums over pixels and over temperatures lose no more than the density itself has lost.
    return Point(z.detach(), torch.stack([value.detach().double() for value in values]), torch.stack(slopes))


def leapfrog(
    terms: Terms,
    weights: Sequence[float],
    point: Point,
    momentum: Float[Tensor, "S B D"],
    step: Float[Tensor, "*#chains B"],
    steps: int,
) -> tuple[Point, Float[Tensor, "S B D"]]:
    r"""Follow Hamilton's equations for `steps` steps: a half step of momentum, one of position, a half of momentum.

        p' = p + e/2 grad log f(z),      z' = z + e p',      p'' = p' + e/2 grad log f(z')

    Neal (2011), section 2.3. It preserves volume, and from (z'', -p'') it leads back to (z, -p).

    Args:
        terms, weights: of the log density.
        point: where the chains are.
        momentum: p, with unit masses.
        step: e, in the units of z, for each image or each chain.
        steps: how many.
    """
    e = step[..., None].to(momentum.dtype)
    for _ in range(steps):
        momentum = momentum + e / 2 * point.gradient(weights)
        point = evaluate(terms, point.z + e * momentum)
        momentum = momentum + e / 2 * point.gradient(weights)
    return point, momentum


def transition(
    terms: Terms, weights: Sequence[float], point: Point, step: Float[Tensor, " B"], steps: int
) -> tuple[Point, Float[Tensor, "S B"]]:
    """A step of Hamiltonian Monte Carlo, which leaves exp(sum_k w_k term_k) invariant, and its chance of acceptance.

    Neal (2011), section 3.2: fresh momenta, a leapfrog trajectory, and its end accepted with probability
    min(1, exp(-change of energy)). Each chain takes the step times a draw from [0.8, 1.2], so that no trajectory keeps
    coming back to where it began (section 4.2 there). It draws from torch's own random numbers.
    """
    momentum = torch.randn_like(point.z)
    jitter = 0.8 + 0.4 * torch.rand_like(point.z[..., 0])
    end, last = leapfrog(terms, weights, point, momentum, step * jitter, steps)
    kinetic = (momentum.double().square() - last.double().square()).sum(-1) / 2
    # A trajectory that has left the numbers, and ends in nan, is refused.
    probability = (end.log_density(weights) - point.log_density(weights) + kinetic).exp().clamp(max=1).nan_to_num(0.0)
    accepted = torch.rand_like(probability) < probability
    return end.where(accepted, point), probability
