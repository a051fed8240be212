"""Distortion, rate and the parts of the rate of a model on a whole split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaelab.contract import Latent
from vaelab.data import BinarisationSpec, Data, Grey
from vaelab.metrics.checks import at_least
from vaelab.metrics.densities import mean_of, within_support
from vaelab.metrics.images import batches, condition_of, eval_mode, pixels_of, seeded
from vaelab.metrics.rate.aggregate import normal_marginals
from vaelab.metrics.rate.draws import refuse_infinite_rate
from vaelab.metrics.rate.estimate import Estimate, estimate
from vaelab.metrics.rate.split import RateSplit, split_rate
from vaelab.metrics.rate.units import LatentUnits, latent_units
from vaelab.metrics.support import refuse_broken_weights
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel
from vaelab.traits import Trait


@dataclass(frozen=True)
class ElboParts:
    """The terms of the ELBO, nats per image, with their uncertainty over images.

    For a posterior without a density they are no bound (`ModelSpec.no_bound`).
    """

    distortion: Estimate
    """-log p(x | z), without the penalty of a codebook."""
    distortion_is: str
    """The name of the distortion: negative log-likelihood, or cross-entropy for grey pixels under Bernoulli."""
    rate: Estimate
    """KL(q(z | x) || p(z)), all latents together; -log p(code) of a codebook, -log p(z) of a deterministic encoder."""
    total: Estimate
    """Distortion plus rate: the negative ELBO, if the distortion is a negative log-likelihood and q has a density."""
    rate_by_group: tuple[float, ...]
    """The rate of each latent, in the order in which they are drawn."""
    split: RateSplit | None
    """The parts of the rate; None if there is no single q(z). If the KL has no closed form, the rate of the split comes
    from other draws than `rate`, and the two differ within their errors."""
    units: LatentUnits | None
    """The dimensions of z, in units of the prior if that is normal; None if there is no single z of real numbers."""
    left_out: str | None
    """The parts that are None, and the reason."""


@torch.no_grad()
def elbo_parts(
    model: Model,
    data: Data,
    binarisation: BinarisationSpec | None = None,
    samples: int = 1,
    draws: int = 10_000,
    batch_size: int = 500,
    seed: int = 0,
) -> ElboParts:
    """Distortion and rate of a split, and the parts of the rate by the aggregate posterior of its N images.

    -ELBO = distortion + rate (Kingma and Welling 2014, equation 3; the names follow Alemi et al. 2018). The rate is
    split by `split_rate`, except for a codebook, a hierarchy and a posterior without a density, where `left_out` gives
    the reason.

    Args:
        model: any model, on any device.
        data: the images of one split.
        binarisation: from bytes to pixels; grey by default. Stochastic binarisation draws each image once.
        samples: draws of z per image, for the distortion, and for the rate if it has no closed form.
        draws: M, draws of z at which q(z) is evaluated under all N posteriors. Time grows with M N D: about 15 seconds
            on one core for 10,000 x 10,000 x 10. A flow takes about 15 microseconds per pair of draw and image, so give
            fewer of both: 2,000 x 1,000 take half a minute.
        batch_size: images per pass.
        seed: of all draws.

    Raises:
        UserError: samples < 1, draws < 2, fewer than two images, images of another shape than the model's, a
            conditional model without labels, weights that are not finite, or a foreign distribution that lacks a mean,
            draws or a density.
    """
    at_least("samples", samples, 1)
    at_least("draws", draws, 2)
    at_least("the number of images", len(data), 2)
    refuse_broken_weights(model)
    x, y = pixels_of(data.like(model.format), binarisation, seed), condition_of(data, model)
    unsplit, single = _unsplit(model), {Trait.one_latent, Trait.real_codes} <= model.spec.traits
    distortions: list[Tensor] = []
    rates: list[Tensor] = []
    latents: list[Latent] = []
    with seeded(model.device, seed), eval_mode(model):
        for images, conditions in batches(model, x, y, batch_size):
            trace = model(images, conditions, samples)
            with within_support("model"):
                distortions.append(trace.reconstruction.mean(0))
                rates.append(trace.kl.mean(1))
            latents += trace.latents if single else []
        distortion, by_group = _array(distortions, 0), _array(rates, 1)
        rate = by_group.sum(0)
        refuse_infinite_rate(rate)
        posteriors, priors = [latent.q for latent in latents], [latent.p for latent in latents]
        split = None if unsplit else split_rate(posteriors, priors, draws, seed)
        units = _units(latents, not model.spec.no_bound) if single else None
    return ElboParts(
        distortion=estimate(distortion, seed),
        distortion_is=model.likelihood.score_name((binarisation or Grey()).binary(data)),
        rate=estimate(rate, seed),
        total=estimate(distortion + rate, seed),
        rate_by_group=tuple(by_group.mean(1).tolist()),
        split=split,
        units=units,
        left_out=unsplit if split is None else split.left_out,
    )


def _unsplit(model: Model) -> str | None:
    """The reason why a model's rate cannot be split; None if it can."""
    traits, name = model.spec.traits, model.spec.summary
    if {Trait.one_latent, Trait.real_codes} <= traits:
        if not model.spec.no_bound:
            return None
        return (
            f"model is a {name}, whose posterior has no density, so neither has q(z), to split the rate by; its "
            "distortion, the term that stands as its rate and its active units can be measured"
        )
    if isinstance(model, VAEModel) and not model.spec.posterior.discrete:
        return (
            f"model is a {name}, whose {model.spec.codes}: its rate is not split; its distortion and its rate can be "
            "measured"
        )
    if Trait.one_latent in traits:
        return (
            f"model is a {name}, whose codes come from a codebook: its rate is one of codes, and q(z) has no density "
            "to split it by; its distortion, its rate and the use of each code can be measured"
        )
    if Trait.real_codes in traits:
        return (
            f"model is a {name}, whose latents depend on each other: there is no single q(z) to split the rate by; "
            "its distortion, its rate and the rate of each group can be measured"
        )
    return (
        f"model is a {name}, whose spec does not have the traits one_latent and real_codes: whether there is a single "
        "q(z) to split the rate by is not known; its distortion and its rate can be measured"
    )


def _units(latents: Sequence[Latent], density: bool) -> LatentUnits:
    """The dimensions of z, in units of the prior if that is normal; without a density there is no KL of each."""
    priors = [normal_marginals(latent.p) for latent in latents]
    means, deviations = [], []
    for latent, p in zip(latents, priors, strict=True):
        q = normal_marginals(latent.q)
        mean = mean_of(latent.q, "model.posterior") if q is None else q.mean
        means.append(mean if p is None else (mean - p.mean) / p.stddev)
        deviations += [] if p is None or q is None else [q.stddev / p.stddev]
    kl = _array([latent.kl_by_dimension().mean(0) for latent in latents], 0) if density else None
    return latent_units(
        _array(means, 0),
        _array(deviations, 0) if deviations else None,
        kl.mean(0) if kl is not None and kl.shape[1] == means[0].shape[1] else None,
    )


def _array(parts: Sequence[Tensor], dim: int) -> NDArray[np.float64]:
    """Batches of images, concatenated."""
    array: NDArray[np.float64] = torch.cat(list(parts), dim).double().numpy(force=True)
    return array
