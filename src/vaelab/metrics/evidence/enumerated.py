"""The exact evidence of models whose codes are few enough to list."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least
from vaelab.metrics.densities import log_prob_of
from vaelab.metrics.evidence.conditions import by_condition
from vaelab.metrics.images import eval_mode
from vaelab.metrics.intervals import Interval, bootstrap_interval
from vaelab.metrics.support import refuse_broken_weights, refuse_cross_entropy, refuse_estimated_prior
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel

# Codes that are decoded at once.
_BATCH = 256


@dataclass(frozen=True)
class Enumeration:
    """log p(x) of N images as a sum over all codes.

    Args:
        log_p: log p(x), nats, (N,).
        codes: number of codes that were decoded, over all conditions.
    """

    log_p: Float[Tensor, " N"]
    codes: int

    @property
    def error(self) -> float:
        """Error of the mean of log p(x), nats: none, since no code is left out."""
        return 0.0

    @property
    def how(self) -> str:
        """How log p(x) was computed."""
        return f"the sum over all codes, {self.codes:,} of them decoded"

    @property
    def interval(self) -> Interval:
        """95 % bootstrap interval of the mean of log p(x) over images."""
        return bootstrap_interval(self.log_p.double().numpy(force=True))


@torch.no_grad()
def enumerated_evidence(
    model: Model, x: Float[Tensor, "N ..."], y: Tensor | None = None, max_codes: int = 100_000
) -> Enumeration:
    r"""log p(x) of each image by a sum over every code.

        log p(x) = log \sum_c p(c) p(x | c)

    The posterior has no part in it. A sum over one code per image, as in the total of a codebook, is smaller by the
    codes left out.

    Args:
        model: one latent of discrete codes, size^slots in number.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model.
        max_codes: most codes to decode for one condition.

    Raises:
        UserError: no image, no codes or too many of them, a prior that is estimated, grey pixels under a Bernoulli
            likelihood, or weights that are not finite.

    >>> from vaelab import Codebook, Mlp, UniformCodes, VAE, open_data
    >>> spec = VAE(latent=4, network=Mlp(hidden=(8,)), posterior=Codebook(size=16), prior=UniformCodes())
    >>> model = spec.build(open_data("digits").format)
    >>> enumerated_evidence(model, torch.ones(3, 1, 28, 28)).codes
    16
    """
    at_least("the number of images", len(x), 1)
    refuse_cross_entropy(model, x)
    vae, codes = _listed(model, max_codes)
    refuse_estimated_prior(model)
    refuse_broken_weights(model)
    weight = next(vae.parameters())
    x = x.to(weight.device, weight.dtype)
    log_p = x.new_empty(len(x))
    groups = 0
    with eval_mode(vae):
        for rows, condition in by_condition(vae, y, len(x), len(x)):
            log_p[rows] = _sum(vae, codes, x[rows], condition)
            groups += 1
    return Enumeration(log_p.cpu(), groups * len(codes))


def _listed(model: Model, max_codes: int) -> tuple[VAEModel, Int[Tensor, "G slots"]]:
    """The model and all of its codes.

    Raises:
        UserError: its latent is not discrete, or the codes are more than `max_codes`.
    """
    space = model.posterior.code_space if isinstance(model, VAEModel) else None
    if not isinstance(model, VAEModel) or space is None:
        raise UserError(f"model is a {model.spec.summary}, which has no single latent of discrete codes to sum over")
    if space.size**space.slots > max_codes:
        raise UserError(
            f"model has {space.size}^{space.slots} codes, but max_codes is {max_codes}; allow more, or bound the "
            "evidence with importance samples instead"
        )
    values = torch.arange(space.size, device=model.device)
    return model, torch.cartesian_prod(*[values] * space.slots).view(-1, space.slots)


def _sum(model: VAEModel, codes: Tensor, x: Tensor, condition: Tensor | None) -> Float[Tensor, " N"]:
    """log p(x) of images that share a condition."""
    total = x.new_full((len(x),), -torch.inf)
    for some in codes.split(_BATCH):
        shared = None if condition is None else condition.expand(len(some), *condition.shape[1:])
        log_prior = log_prob_of(model.prior_of(shared, len(some)), some, "model.prior")
        log_p = model.likelihood.pairwise_log_prob(model.decode(model.posterior.read(some), shared), x)
        total = torch.logaddexp(total, (log_prior[:, None] + log_p).logsumexp(0))
    return total
