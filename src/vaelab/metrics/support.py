"""Refusals of models and images that a metric cannot be computed for."""

from __future__ import annotations

import torch
from torch import Tensor

from vaelab.errors import UserError
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel
from vaelab.traits import Trait


def refuse_cross_entropy(model: Model, x: Tensor) -> None:
    """Refuse grey pixels under a likelihood of binary pixels.

    Raises:
        UserError: a pixel lies outside the likelihood's support.
    """
    if model.likelihood.binary and not bool(((x == 0) | (x == 1) | x.isnan()).all()):
        raise UserError(
            f"x has grey pixels, under which a {type(model.spec.likelihood).__name__} likelihood gives a "
            "cross-entropy and no log-likelihood; binarise them, for example with dynamic binarisation, or choose "
            "another likelihood"
        )


def refuse_without_density(model: Model) -> VAEModel:
    """Return the model if it has a density over one latent of real numbers; refuse any other.

    Raises:
        UserError: a codebook, a hierarchy of latents, or a foreign model; the message names the metrics that remain.
    """
    traits, name = model.spec.traits, model.spec.summary
    if isinstance(model, VAEModel):
        if Trait.real_codes in traits:
            return model
        raise UserError(
            f"model is a {name}, whose {model.spec.codes}, so there is no density of z over a vector space; the parts "
            "elbo, samples and representation of the evaluation can be measured"
        )
    if Trait.one_latent not in traits and Trait.real_codes in traits:
        raise UserError(
            f"model is a {name}, whose latents depend on each other, so there is no single z; the parts evidence and "
            "elbo of the evaluation can be measured"
        )
    raise UserError(
        f"model is a {name}, whose prior and likelihood vaelab cannot evaluate at a given z; use a VAE with your own "
        "parts, or bound the evidence with importance samples"
    )


def refuse_without_weights(model: Model) -> None:
    """Refuse a posterior without a density, whose draws have no importance weights.

    Raises:
        UserError: the posterior has no density; the message names the metrics that remain.
    """
    if model.spec.no_bound:
        raise UserError(
            f"model is a {model.spec.summary}, whose posterior has no density, so draws have no importance weights and "
            "there is no ELBO; log p(x) by quadrature, in up to three dimensions, needs prior and decoder alone"
        )


def refuse_estimated_prior(model: Model) -> None:
    """Refuse a prior whose density is an estimate, under which no log p(x) is exact.

    Raises:
        UserError: it is.
    """
    if Trait.exact_prior not in model.spec.traits:
        raise UserError(
            f"model is a {model.spec.summary}, whose log p(z) is an estimate, so log p(x) cannot be exact; bound it "
            "with importance samples instead"
        )


def refuse_broken_weights(model: Model) -> None:
    """Refuse a model with a weight that is not finite: nothing measured on it would be finite either.

    Raises:
        UserError: a weight is nan or infinite; the message names the first such tensor.
    """
    for name, weight in model.state_dict().items():
        if weight.is_floating_point() and not bool(torch.isfinite(weight).all()):
            broken = int((~torch.isfinite(weight)).sum())
            raise UserError(
                f"model has weights that are not finite ({broken} of {weight.numel()} in {name}); train it again "
                "with a lower learning rate, or use an earlier model"
            )
