"""Hamiltonian Monte Carlo for many chains at once, on densities that are weighted sums of a few log terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.distributions import hamiltonian

Terms = Callable[[Tensor], tuple[Tensor, ...]]
"""From z of shape (S, B, D) to K differentiable log terms of shape (S, B)."""


@dataclass(frozen=True)
class Point:
    """S chains for each of B images, with K log terms and their gradients.

    The density is exp(sum_k w_k term_k). The terms are stored separately, so that a chain can continue under other
    weights without decoding z again.
    """

    z: Float[Tensor, "S B D"]
    terms: Float[Tensor, "K S B"]
    slopes: Float[Tensor, "K S B D"]

    def log_density(self, weights: Sequence[float]) -> Float[Tensor, "S B"]:
        """sum_k w_k term_k, nats."""
        log_p: Tensor = torch.tensordot(self.terms.new_tensor(weights), self.terms, 1)
        return log_p

    def gradient(self, weights: Sequence[float]) -> Float[Tensor, "S B D"]:
        """Gradient of the log density with respect to z."""
        slope: Tensor = torch.tensordot(self.slopes.new_tensor(weights), self.slopes, 1)
        return slope

    def where(self, chosen: Tensor, other: Point) -> Point:
        """This point for the chosen chains, (S, B), and the other point for the rest."""
        return Point(
            torch.where(chosen[..., None], self.z, other.z),
            torch.where(chosen, self.terms, other.terms),
            torch.where(chosen[..., None], self.slopes, other.slopes),
        )


def evaluate(terms: Terms, z: Float[Tensor, "S B D"]) -> Point:
    """The terms and their gradients at z. Weights of the model receive no gradient."""
    z = z.detach().requires_grad_()
    with torch.enable_grad():
        values = terms(z)
        slopes = [_slope(value, z) for value in values]
    # In float64, sums over pixels and temperatures add no rounding error to that of the density itself.
    return Point(z.detach(), torch.stack([value.detach().double() for value in values]), torch.stack(slopes))


def _slope(value: Float[Tensor, "S B"], z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B D"]:
    # A flat term, such as the density of a uniform prior, has no graph.
    if not value.requires_grad:
        return torch.zeros_like(z)
    # Terms can share a part of the graph, which is then needed again.
    (slope,) = torch.autograd.grad(value.sum(), z, retain_graph=True, allow_unused=True, materialize_grads=True)
    return slope


def leapfrog(
    terms: Terms,
    weights: Sequence[float],
    point: Point,
    momentum: Float[Tensor, "S B D"],
    step: Float[Tensor, "*#chains B"],
    steps: int,
) -> tuple[Point, Float[Tensor, "S B D"]]:
    """Integrate Hamilton's equations by leapfrog steps, from points that keep their terms.

    Args:
        terms, weights: of the log density.
        point: current position of the chains.
        momentum: with unit masses.
        step: step size, in units of z, per image or per chain.
        steps: number of steps.
    """

    def slope(z: Tensor) -> Tensor:
        nonlocal point
        # The end of a step is the start of the next.
        point = point if z is point.z else evaluate(terms, z)
        return point.gradient(weights)

    e = step[..., None].to(momentum.dtype)
    for _ in range(steps):
        _, momentum = hamiltonian.leapfrog(slope, point.z, momentum, e)
    return point, momentum


def transition(
    terms: Terms, weights: Sequence[float], point: Point, step: Float[Tensor, " B"], steps: int
) -> tuple[Point, Float[Tensor, "S B"]]:
    """One transition of Hamiltonian Monte Carlo, and its acceptance probability.

    It leaves exp(sum_k w_k term_k) invariant. Neal (2011), section 3.2: fresh momenta, a leapfrog trajectory, and its
    end accepted with probability min(1, exp(-change of energy)). Each chain multiplies the step by a uniform draw from
    [0.8, 1.2], so that no trajectory is periodic (section 4.2). Draws come from torch's global generator.
    """
    momentum = torch.randn_like(point.z)
    jitter = 0.8 + 0.4 * torch.rand_like(point.z[..., 0])
    end, last = leapfrog(terms, weights, point, momentum, step * jitter, steps)
    kinetic = (momentum.double().square() - last.double().square()).sum(-1) / 2
    # A trajectory that ends in nan is rejected.
    probability = (end.log_density(weights) - point.log_density(weights) + kinetic).exp().clamp(max=1).nan_to_num(0.0)
    accepted = torch.rand_like(probability) < probability
    return end.where(accepted, point), probability
