"""The gap between log p(x) and the ELBO, split into the share of the posterior family and that of the encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MultivariateNormal

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.images import eval_mode, seeded
from vaelab.metrics.intervals import Interval, bootstrap_interval
from vaelab.metrics.support import refuse_broken_weights, refuse_without_weights
from vaelab.models.model import Model
from vaelab.posteriors import FullGaussian, Gaussian

# Rounds of a fit. Each works in units of the scale that the last one found: the encoder's scale can be far off.
_ROUNDS = 3
# Draws of z that are decoded at once when an ELBO is evaluated.
_DECODED = 2000


@dataclass(frozen=True)
class InferenceGaps:
    """log p(x) - ELBO of B images and its two parts, nats per image.

    Args:
        log_p: log p(x), or an estimate of it, (B,).
        best_elbo: ELBO of the best Gaussian for each image, (B,).
        elbo: ELBO of the encoder's posterior, (B,).
        mean: of the best Gaussian, (B, D).
        covariance: of the best Gaussian, (B, D, D).
    """

    log_p: Float[Tensor, " B"]
    best_elbo: Float[Tensor, " B"]
    elbo: Float[Tensor, " B"]
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
) -> InferenceGaps:
    r"""Split log p(x) - ELBO into the approximation gap and the amortisation gap.

        log p(x) - L(q) = [log p(x) - L(q*)] + [L(q*) - L(q)],    q* = argmax of L over the family,

    Cremer, Li and Duvenaud (2018), equations 3 to 5. The family is that of the model's posterior: Gaussians with a
    diagonal or a full covariance. For each image q* is found by `steps` steps of Adam on its mean and covariance, once
    from the encoder's posterior and once, if given, from the moments of the true posterior. The best of these and the
    encoder's posterior counts, so the amortisation gap is never negative. The gradient omits the score function, so
    its noise vanishes when q is the true posterior (Roeder, Wu and Duvenaud 2017, equation 6).

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

    Raises:
        UserError: a posterior that is not Gaussian or has no density, no density over one latent, weights that are not
            finite, or a setting below 1.
    """
    for name, number in (("steps", steps), ("samples", samples), ("evaluation", evaluation)):
        at_least(name, number, 1)
    joint = Joint(model, x, y)
    refuse_without_weights(model)
    refuse_broken_weights(model)
    spec = model.spec.posterior
    if not isinstance(spec, Gaussian | FullGaussian):
        raise UserError(
            f"posterior is {type(spec).__name__}, but the gap is split only for Gaussian and FullGaussian, whose best "
            "member can be found; log p(x) and the ELBO can be measured, by the part evidence of the evaluation"
        )
    with eval_mode(model), seeded(model.device, seed):
        encoded = _Gaussians.of(joint.posterior)
        starts = [encoded]
        if moments is not None:
            mean, covariance = (part.to(encoded.mean) for part in moments)
            starts.append(_Gaussians.matching(mean, covariance, encoded.full))
        noise = torch.randn(evaluation, *encoded.mean.shape, dtype=encoded.mean.dtype, device=model.device)
        elbo = _elbo(joint, encoded, noise)
        best, best_elbo = encoded, elbo
        for start in starts:
            found = start
            for _ in range(_ROUNDS):
                found = _optimised(joint, found, -(-steps // _ROUNDS), samples)
            found_elbo = _elbo(joint, found, noise)
            better = found_elbo > best_elbo
            best, best_elbo = best.where(better, found), torch.where(better, found_elbo, best_elbo)
    return InferenceGaps(log_p.to(elbo), best_elbo, elbo, best.mean, best.tril @ best.tril.mT)


@dataclass(frozen=True)
class _Gaussians:
    """N(mean, L L^T) per image, with L diagonal unless `full`."""

    mean: Float[Tensor, "B D"]
    tril: Float[Tensor, "B D D"]
    full: bool

    @classmethod
    def of(cls, q: torch.distributions.Distribution) -> _Gaussians:
        """The encoder's posteriors."""
        if isinstance(q, MultivariateNormal):
            return cls(q.mean, q.scale_tril, full=True)
        return cls(q.mean, torch.diag_embed(q.stddev), full=False)

    @classmethod
    def matching(cls, mean: Tensor, covariance: Tensor, full: bool) -> _Gaussians:
        """Gaussians with these moments; a diagonal one has the inverse of the precision's diagonal as its variances.

        Among diagonal Gaussians these minimise KL(q || p) if the true posterior is Gaussian.
        """
        dimensions = covariance.shape[-1]
        ridge = 1e-6 * covariance.diagonal(dim1=-2, dim2=-1).mean(-1) + 1e-12
        solid = covariance.double() + ridge.double()[:, None, None] * torch.eye(dimensions, device=mean.device)
        if full:
            return cls(mean, torch.linalg.cholesky(solid).to(mean), full)
        precision = torch.linalg.inv(solid).diagonal(dim1=-2, dim2=-1)
        return cls(mean, torch.diag_embed(precision.clamp(min=1e-12) ** -0.5).to(mean), full)

    def draw(self, noise: Float[Tensor, "S B D"]) -> Float[Tensor, "S B D"]:
        """mean + L noise."""
        return self.mean + (self.tril @ noise[..., None])[..., 0]

    def log_prob(self, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B"]:
        """log q(z)."""
        white = torch.linalg.solve_triangular(self.tril, (z - self.mean)[..., None], upper=False)[..., 0]
        log_det = self.tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log_q: Tensor = -white.square().sum(-1) / 2 - log_det - self.mean.shape[-1] * math.log(2 * math.pi) / 2
        return log_q

    def where(self, better: Tensor, other: _Gaussians) -> _Gaussians:
        """The other Gaussians for the images for which they are better, and these for the rest."""
        return _Gaussians(
            torch.where(better[:, None], other.mean, self.mean),
            torch.where(better[:, None, None], other.tril, self.tril),
            self.full,
        )


@torch.no_grad()
def _elbo(joint: Joint, q: _Gaussians, noise: Float[Tensor, "S B D"]) -> Float[Tensor, " B"]:
    """E_q[log p(x, z) - log q(z)] averaged over the draws, float64."""
    total = torch.zeros(len(q.mean), dtype=torch.float64, device=q.mean.device)
    for part in noise.split(max(1, _DECODED // len(q.mean))):
        z = q.draw(part)
        # The entropy has a closed form; only the joint density is averaged over draws.
        total += joint.log_prob(z).double().sum(0)
    log_det = q.tril.diagonal(dim1=-2, dim2=-1).log().sum(-1).double()
    entropy: Tensor = log_det + q.mean.shape[-1] * (1 + math.log(2 * math.pi)) / 2
    return total / len(noise) + entropy


def _optimised(joint: Joint, start: _Gaussians, steps: int, samples: int) -> _Gaussians:
    """The Gaussians of highest ELBO: Adam on mean and log scale, in units of the scale of `start`."""
    dimensions = start.mean.shape[-1]
    shift = torch.zeros_like(start.mean).requires_grad_()
    log_scale = torch.zeros_like(start.mean).requires_grad_()
    # Entries below the diagonal; fixed at 0 for the diagonal family.
    below = torch.zeros_like(start.tril).requires_grad_(start.full)
    lower = torch.ones(dimensions, dimensions, dtype=start.mean.dtype, device=start.mean.device).tril(-1)

    def current() -> _Gaussians:
        inner = torch.diag_embed(log_scale.exp()) + below * lower
        mean = start.mean + (start.tril @ shift[..., None])[..., 0]
        return _Gaussians(mean, start.tril @ inner, start.full)

    learned = [shift, log_scale, *([below] if start.full else [])]
    optimiser = torch.optim.Adam(learned, lr=0.1, betas=(0.9, 0.99))
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    with torch.enable_grad():
        for _ in range(steps):
            q = current()
            half = torch.randn(-(-samples // 2), *start.mean.shape, dtype=start.mean.dtype, device=start.mean.device)
            # In mirrored pairs, terms that are odd about the centre add no noise to the gradient of the scale.
            z = q.draw(torch.cat([half, -half])[:samples])
            held = _Gaussians(q.mean.detach(), q.tril.detach(), q.full)
            bound = (joint.log_prob(z) - held.log_prob(z)).mean(0).sum()
            gradients = torch.autograd.grad(-bound, learned)
            for weight, gradient in zip(learned, gradients, strict=True):
                weight.grad = gradient
            optimiser.step()
            decay.step()
    found = current()
    return _Gaussians(found.mean.detach(), found.tril.detach(), found.full)
