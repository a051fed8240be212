"""Codes drawn from the posteriors of a set of images, with what they score there and under the prior."""

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
from vaelab.metrics.images import seeded
from vaelab.metrics.rate.aggregate import in_double, independent, log_densities


@dataclass(frozen=True)
class PosteriorDraws:
    """M codes, each drawn from the posterior of one of N images, and the rate of all images."""

    z: Float[Tensor, "M D"]
    log_q: Float[Tensor, " M"]
    """Under the posterior of its own image."""
    log_q_alone: Float[Tensor, "M D"] | None
    """Likewise each dimension alone; None where that is not known."""
    log_p: Float[Tensor, "M K"]
    """Under the prior, by dimension where these are independent, K = D; otherwise K = 1."""
    kl: Float[NDArray[np.float64], " M"]
    """Of the code's image where it has a closed form, otherwise the code's log ratio."""
    rate: Float[NDArray[np.float64], " N"]
    """The KL of each image, or the mean log ratio of its codes."""


def draw_codes(
    posteriors: Sequence[Distribution], priors: Sequence[Distribution], draws: int, seed: int
) -> PosteriorDraws:
    """Codes of each image as often as of any other, or once more; which images have one more is drawn."""
    n = sum(q.batch_shape[0] for q in posteriors)
    rounds = math.ceil(draws / n)
    before = (rounds - 1) * n
    last = np.random.default_rng(seed).choice(n, draws - before, replace=False)
    rows = np.concatenate([np.arange(before), before + np.sort(last)])
    with seeded(posteriors[0].mean.device, seed):
        z = [q.sample((rounds,)) for q in posteriors]
    latents = [
        Latent(in_double(q), code, code, p=in_double(p)) for q, code, p in zip(posteriors, z, priors, strict=True)
    ]

    def chosen(parts: Sequence[Tensor]) -> Tensor:
        # [s, n] is draw s of image n.
        return torch.cat(list(parts), 1).flatten(0, 1)[rows]

    scores = [log_densities(latent.q, latent.code) for latent in latents]
    alone = [each for _, each in scores if each is not None]
    kl = torch.cat([latent.kl() for latent in latents], 1).double()
    return PosteriorDraws(
        chosen(z),
        chosen([whole for whole, _ in scores]),
        chosen(alone) if alone else None,
        chosen([_by_dimension(latent.p, latent.code) for latent in latents]),
        chosen([kl]).numpy(force=True),
        kl.mean(0).numpy(force=True),
    )


def _by_dimension(p: Distribution, z: Float[Tensor, "S B D"]) -> Float[Tensor, "S B K"]:
    """log p(z_d) of each dimension where these are independent; otherwise K = 1."""
    whole, each = log_densities(p, z)
    return each if each is not None and independent(p) else whole[..., None]
