"""The bound of a Hamiltonian VAE, for any trained model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.distributions.hamiltonian import Euclidean, Potential, hamiltonian_log_weight, quadratic_tempering
from vaelab.errors import UserError
from vaelab.metrics.checks import at_least
from vaelab.metrics.densities import sample_of
from vaelab.metrics.evidence.bound import Bound
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.evidence.path import images_at_once, log_mean_exp
from vaelab.metrics.images import batches, eval_mode, seeded
from vaelab.metrics.support import refuse_broken_weights, refuse_cross_entropy, refuse_without_weights
from vaelab.models.model import Model

# Draws of q(z | x) by which the unit of the step sizes is measured.
_DRAWS = 100


@dataclass(frozen=True)
class HamiltonianEvidence(Bound):
    """A lower bound on log p(x) by tempered Hamiltonian trajectories from q(z | x), nats per image.

    Args:
        log_weight: of S trajectories per image, float64; E[w] = p(x), (S, B).
        step_size: that was chosen for each image, in units of the deviation of q(z | x), (B,).
        tempering: beta_0 that was chosen for each image, (B,).
    """

    log_weight: Float[Tensor, "S B"]
    step_size: Float[Tensor, " B"]
    tempering: Float[Tensor, " B"]

    @property
    def bound(self) -> Float[Tensor, " B"]:
        """Mean log weight: the bound of Caterini et al. (2018), without steps the ELBO."""
        return self.log_weight.mean(0)

    @property
    def log_p(self) -> Float[Tensor, " B"]:
        """Log of the mean weight: the tighter bound of S importance-weighted trajectories."""
        return log_mean_exp(self.log_weight)

    @property
    def per_image(self) -> Float[Tensor, " B"]:
        """`bound`, whose mean over images is reported."""
        return self.bound


@torch.no_grad()
def hamiltonian_bound(
    model: Model,
    x: Float[Tensor, "B ..."],
    y: Tensor | None = None,
    steps: int = 10,
    samples: int = 100,
    *,
    step_sizes: Sequence[float] = (0.025, 0.05, 0.1, 0.2),
    temperings: Sequence[float] = (1.0, 0.5, 0.25),
    pilots: int = 20,
    seed: int = 0,
) -> HamiltonianEvidence:
    r"""Lower bound on log p(x) after `steps` of tempered Hamiltonian dynamics from the encoder's posterior.

        E[log p(x, z_K) + log N(r_K; 0, I) - log q(z_0 | x) - log N(g; 0, I)] <= log p(x)

    The bound of the Hamiltonian VAE (Caterini, Doucet and Sejdinovic 2018) for a model that was trained with
    any objective; with 0 steps it is the ELBO. Tempering is quadratic. Pilot runs with random numbers of their own find
    the step size and beta_0 for each image, so the choice does not bias the bound. Steps are in units of the deviation
    of q(z | x) in each dimension, as its draws have it.

    Args:
        model: one latent of real numbers, with a posterior that has a density.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model.
        steps: K, leapfrog steps, each a forward and backward pass through the decoder.
        samples: S, trajectories per image.
        step_sizes: among which to choose; one alone is not tried out.
        temperings: beta_0, among which to choose, in (0, 1]; 1 is without tempering.
        pilots: trajectories per image by which each pair of a step size and a beta_0 is judged.
        seed: of all draws.

    Raises:
        UserError: a number below its bound, no image, no density over one latent of real numbers, weights that are not
            finite, or grey pixels under a Bernoulli likelihood.
    """
    for name, number, least in (("steps", steps, 0), ("samples", samples, 1), ("pilots", pilots, 1)):
        at_least(name, number, least)
    at_least("the number of images", len(x), 1)
    _refuse_choices(step_sizes, temperings)
    refuse_without_weights(model)
    refuse_broken_weights(model)
    refuse_cross_entropy(model, x)
    choices = list(itertools.product(step_sizes, temperings)) if steps else [(step_sizes[0], temperings[0])]
    with eval_mode(model), seeded(model.device, seed):
        parts = [
            _of(Joint(model, *batch), steps, samples, choices, pilots)
            for batch in batches(model, x, y, images_at_once(samples))
        ]
    return HamiltonianEvidence(*(torch.cat(part, -1) for part in zip(*parts, strict=True)))


def _of(
    joint: Joint, steps: int, samples: int, choices: Sequence[tuple[float, float]], pilots: int
) -> tuple[Float[Tensor, "S B"], Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Weights, step sizes and temperings of images that run together."""
    unit = sample_of(joint.posterior, (_DRAWS,), "model.posterior").std(0)

    def log_weight(settings: Float[Tensor, "B 2"], draws: int) -> Float[Tensor, "S B"]:
        z = sample_of(joint.posterior, (draws,), "model.posterior")
        step, factors = settings[:, :1] * unit, quadratic_tempering(settings[:, 1:], steps)
        potential = Potential(joint.log_prob, through=False)
        found = hamiltonian_log_weight(potential, Euclidean(), z, joint.posterior.log_prob(z), step, factors)
        # A trajectory that leaves the range of numbers has no weight.
        return torch.where(found.isfinite(), found.double(), -math.inf)

    candidates = unit.new_tensor(choices)
    chosen = candidates[:1].expand(len(unit), -1)
    if len(choices) > 1:
        trials, seed = [], int(torch.randint(2**31, ()))
        for pair in candidates:
            # All pairs see the same draws, and none of those that the bound is then averaged over.
            with seeded(unit.device, seed):
                trials.append(log_weight(pair.expand(len(unit), -1), pilots).mean(0))
        chosen = candidates[torch.stack(trials).argmax(0)]
    return log_weight(chosen, samples), chosen[:, 0], chosen[:, 1]


def _refuse_choices(step_sizes: Sequence[float], temperings: Sequence[float]) -> None:
    """Refuse step sizes that are not positive, temperings outside (0, 1], and empty lists.

    Raises:
        UserError: one of them.
    """
    if not step_sizes or not all(0 < size < math.inf for size in step_sizes):
        raise UserError(f"step_sizes is {tuple(step_sizes)}, but must hold numbers > 0, such as (0.05, 0.1, 0.2)")
    if not temperings or not all(0 < beta <= 1 for beta in temperings):
        raise UserError(f"temperings is {tuple(temperings)}, but must hold numbers in (0, 1], such as (1.0, 0.25)")
