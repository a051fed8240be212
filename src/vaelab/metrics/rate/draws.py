"""Draws from the posteriors of a set of images, with their log densities under posterior and prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Latent
from vaelab.errors import UserError
from vaelab.metrics.densities import mean_of, sample_of, within_support
from vaelab.metrics.images import seeded
from vaelab.metrics.rate.aggregate import in_double, independent, log_densities


@dataclass(frozen=True)
class PosteriorDraws:
    """M draws z, each from the posterior of one of N images, and the rate of all images; nats."""

    z: Float[Tensor, "M D"]
    log_q: Float[Tensor, " M"]
    """Log density under the posterior of the draw's own image."""
    log_q_alone: Float[Tensor, "M D"] | None
    """The same for each dimension alone; None if the marginals are not known."""
    log_p: Float[Tensor, "M K"]
    """Log density under the prior, per dimension (K = D) if these are independent; otherwise K = 1."""
    kl: Float[NDArray[np.float64], " M"]
    """KL of the draw's image if it has a closed form, otherwise the log ratio of the draw."""
    rate: Float[NDArray[np.float64], " N"]
    """KL of each image, or the mean log ratio of its draws."""


def draw_posteriors(
    posteriors: Sequence[Distribution], priors: Sequence[Distribution], draws: int, seed: int
) -> PosteriorDraws:
    """Draw from every posterior equally often, up to one draw; the images with one draw more are chosen at random.

    Raises:
        UserError: a posterior without a mean or draws, a density that raises an error outside its support, or a rate
            that is not finite.
    """
    n = sum(q.batch_shape[0] for q in posteriors)
    rounds = math.ceil(draws / n)
    before = (rounds - 1) * n
    last = np.random.default_rng(seed).choice(n, draws - before, replace=False)
    rows = np.concatenate([np.arange(before), before + np.sort(last)])
    with seeded(mean_of(posteriors[0], "model.posterior").device, seed):
        z = [sample_of(q, (rounds,), "model.posterior") for q in posteriors]
    latents = [
        Latent(in_double(q), each, each, p=in_double(p)) for q, each, p in zip(posteriors, z, priors, strict=True)
    ]

    def chosen(parts: Sequence[Tensor]) -> Tensor:
        # [s, n] is draw s of image n.
        return torch.cat(list(parts), 1).flatten(0, 1)[rows]

    scores = [log_densities(latent.q, latent.code) for latent in latents]
    alone = [each for _, each in scores if each is not None]
    with within_support("model.prior"):
        kl = torch.cat([latent.kl() for latent in latents], 1).double()
    rate = kl.mean(0).numpy(force=True)
    refuse_infinite_rate(rate)
    return PosteriorDraws(
        chosen(z),
        chosen([whole for whole, _ in scores]),
        chosen(alone) if alone else None,
        chosen([_by_dimension(latent.p, latent.code) for latent in latents]),
        chosen([kl]).numpy(force=True),
        rate,
    )


def refuse_infinite_rate(rate: Float[NDArray[np.float64], " N"]) -> None:
    """Refuse rates that are not finite.

    Raises:
        UserError: a draw of a posterior has density 0 under the prior, or a density is nan.
    """
    wrong = int((~np.isfinite(rate)).sum())
    if wrong:
        raise UserError(
            f"the rate of {wrong} of {len(rate)} images is not finite: the model's prior has density 0 at draws of the "
            "posterior, or a density is nan; choose a prior that is positive wherever the posterior is"
        )


def _by_dimension(p: Distribution, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B K"]:
    """log p(z_d) of each dimension if these are independent; otherwise K = 1."""
    whole, each = log_densities(p, z)
    return each if each is not None and independent(p) else whole[..., None]
