"""The gap between log p(x) and the ELBO, split into the share of the posterior family and that of the encoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.distributions.gaussians import Gaussians, climbed, fitted
from vaelab.loops import counted
from vaelab.metrics.checks import at_least
from vaelab.metrics.evidence.refine import RATE, best_of, elbo_of, gaussian_joint, noise_for
from vaelab.metrics.images import eval_mode, seeded
from vaelab.metrics.intervals import Interval, bootstrap_interval
from vaelab.models.model import Model

# Rounds of a fit. Each works in units of the scale that the last one found: the encoder's scale can be far off.
_ROUNDS = 3


@dataclass(frozen=True)
class InferenceGaps:
    """log p(x) - ELBO of B images and its two parts, nats per image.

    Args:
        log_p: log p(x), or an estimate of it, (B,).
        best_elbo: ELBO of the best Gaussian for each image, (B,).
        elbo: ELBO of the encoder's posterior, (B,).
        refined_elbo: ELBO after a few steps of refinement from the encoder's posterior, (B,).
        mean: of the best Gaussian, (B, D).
        covariance: of the best Gaussian, (B, D, D).
    """

    log_p: Float[Tensor, " B"]
    best_elbo: Float[Tensor, " B"]
    elbo: Float[Tensor, " B"]
    refined_elbo: Float[Tensor, " B"]
    mean: Float[Tensor, "B D"]
    covariance: Float[Tensor, "B D D"]

    @property
    def approximation(self) -> Float[Tensor, " B"]:
        """log p(x) - best ELBO = min over the family of KL(q || p(z | x)): the loss due to the family."""
        return self.log_p - self.best_elbo

    @property
    def amortisation(self) -> Float[Tensor, " B"]:
        """Best ELBO - ELBO: the loss of one encoder for all images against a posterior fitted to each."""
        return self.best_elbo - self.elbo

    @property
    def remaining(self) -> Float[Tensor, " B"]:
        """Best ELBO - ELBO after refinement: what is left of the amortisation gap."""
        return self.best_elbo - self.refined_elbo

    @property
    def total(self) -> Float[Tensor, " B"]:
        """log p(x) - ELBO = KL(q(z | x) || p(z | x)), the sum of both parts."""
        return self.log_p - self.elbo

    def interval(self, part: Float[Tensor, " B"]) -> Interval:
        """95 % bootstrap interval of the mean of a part over images."""
        return bootstrap_interval(part.double().numpy(force=True))


def inference_gaps(
    model: Model,
    x: Float[Tensor, "B ..."],
    log_p: Float[Tensor, " B"],
    y: Tensor | None = None,
    moments: tuple[Float[Tensor, "B D"], Float[Tensor, "B D D"]] | None = None,
    steps: int = 240,
    samples: int = 8,
    evaluation: int = 1000,
    seed: int = 0,
    refinement: int = 20,
) -> InferenceGaps:
    r"""Split log p(x) - ELBO into the approximation gap and the amortisation gap.

        log p(x) - L(q) = [log p(x) - L(q*)] + [L(q*) - L(q)],    q* = argmax of L over the family,

    Cremer, Li and Duvenaud (2018). The family is that of the model's posterior: Gaussians with a diagonal or a full
    covariance. For each image q* is found by `steps` steps of Adam on its mean and covariance, once from the encoder's
    posterior and once, if given, from the moments of the true posterior. The best of these and the encoder's posterior
    counts, so the amortisation gap is never negative. The gradient omits the score function, so its noise vanishes when
    q is the true posterior (Roeder, Wu and Duvenaud 2017).

    Every ELBO averages over `evaluation` draws, with the same standard normal numbers for q and q*. If `log_p` is a
    lower bound, so is the approximation gap.

    Args:
        model: one latent of real numbers, with a Gaussian posterior.
        x: images in [0, 1]. On grey pixels under a Bernoulli likelihood, log_p is the log of the integral of
            p(z) exp(-cross-entropy), and the gaps are those of its posterior.
        log_p: from `exact_evidence` or `annealed_bound`, nats.
        y: labels or attributes, for a conditional model.
        moments: mean and covariance of the true posterior, from `exact_evidence`.
        steps: of Adam.
        samples: draws per image and step.
        evaluation: draws per image for each ELBO.
        seed: of all draws.
        refinement: steps after which the ELBO is measured as well, as by `refine`; 0 for none.

    Raises:
        UserError: a posterior that is not Gaussian or has no density, no density over one latent, weights that are not
            finite, or a setting below 1.
    """
    at_least("refinement", refinement, 0)
    for name, number in (("steps", steps), ("samples", samples), ("evaluation", evaluation)):
        at_least(name, number, 1)
    joint = gaussian_joint(model, x, y)
    with eval_mode(model), seeded(model.device, seed):
        encoded = Gaussians.of(joint.posterior)
        starts = [encoded]
        if moments is not None:
            mean, covariance = (part.to(encoded.mean) for part in moments)
            starts.append(Gaussians.matching(mean, covariance, encoded.full))
        noise = noise_for(encoded, evaluation)
        candidates = []
        for start in counted(starts, len(starts)):
            found = start
            for _ in counted(range(_ROUNDS), _ROUNDS):
                found = fitted(joint.log_prob, found, -(-steps // _ROUNDS), samples)
            candidates.append(found)
        elbo = elbo_of(joint, encoded, noise)
        climb = climbed(joint.log_prob, encoded, refinement, samples, RATE)
        _, refined_elbo = best_of(joint, noise, encoded, climb)
        # The refined posterior is no candidate: it may be worse than the fitted one and yet suit these draws better.
        best, best_elbo = best_of(joint, noise, encoded, *candidates)
        refined_elbo = torch.minimum(refined_elbo, best_elbo)
    return InferenceGaps(log_p.to(elbo), best_elbo, elbo, refined_elbo, best.mean, best.covariance)
