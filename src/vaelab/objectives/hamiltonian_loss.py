"""The loss of `Hamiltonian`, with its step sizes and its tempering."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.contract import Trace
from vaelab.distributions.hamiltonian import (
    Euclidean,
    Kinetic,
    Potential,
    hamiltonian_log_weight,
    quadratic_tempering,
)
from vaelab.objectives.hamiltonian import Hamiltonian
from vaelab.objectives.sides import twice_differentiable
from vaelab.schedules import Progress


class HamiltonianLoss(nn.Module):
    """The negative bound of a Hamiltonian trajectory, see `hamiltonian_log_weight`.

    Sigmoids keep step sizes between 0 and the largest, and beta_0 or the free factors between 0 and 1.

    Args:
        spec: the settings.
        latent: D, dimensions of z.
    """

    def __init__(self, spec: Hamiltonian, latent: int) -> None:
        super().__init__()
        self.steps, self.largest, self.free = spec.steps, spec.largest, spec.free
        self.raw_step = nn.Parameter(torch.full((latent,), spec.step_size / spec.largest).logit())
        beta = torch.tensor(spec.tempering)
        learned = (quadratic_tempering(beta, spec.steps) if spec.free else beta).logit()
        self.raw_tempering = nn.Parameter(learned) if spec.tempering < 1 else None

    @property
    def step_size(self) -> Float[Tensor, " D"]:
        """The step size of each dimension, in units of z."""
        return self.largest * self.raw_step.sigmoid()

    @property
    def factors(self) -> Float[Tensor, " K"]:
        """The factor on the momentum after each step."""
        if self.raw_tempering is None:
            return self.raw_step.new_ones(self.steps)
        learned = self.raw_tempering.sigmoid()
        return learned if self.free else quadratic_tempering(learned, self.steps)

    def kinetic(self, trace: Trace) -> Kinetic:
        """The law of momenta."""
        return Euclidean()

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        (latent,) = trace.latents

        def log_joint(z: Tensor) -> Tensor:
            with twice_differentiable():
                there = trace.at(z)
            return there.latents[0].p.log_prob(z) - there.reconstruction

        log_q, potential = latent.q.log_prob(latent.code), Potential(log_joint, through=True)
        log_weight = hamiltonian_log_weight(
            potential, self.kinetic(trace), latent.code, log_q, self.step_size, self.factors
        )
        return (trace.penalty - log_weight).mean()
