"""What a model gives a density to, and what it does not."""

from __future__ import annotations

import torch
from torch import Tensor

from vaelab.errors import UserError
from vaelab.models.model import Model
from vaelab.spec import Trait


def refuse_cross_entropy(model: Model, x: Tensor) -> None:
    """Refuse pixels that the model's likelihood gives no density to.

    Raises:
        UserError: a pixel lies outside the likelihood's support.
    """
    if model.likelihood.binary and not bool(((x == 0) | (x == 1)).all()):
        raise UserError(
            "x has grey pixels, under which a Bernoulli likelihood gives a cross-entropy and no log-likelihood; "
            "binarise them, such as with --binarisation dynamic, or choose another likelihood"
        )


def refuse_without_density(model: Model) -> None:
    """Refuse a model that has no density over one latent of real numbers, and say what can be measured instead.

    Raises:
        UserError: a codebook, or a hierarchy of latents.
    """
    traits = model.spec.traits
    if Trait.real_codes not in traits:
        raise UserError(
            f"model is a {model.spec.summary}, whose codes come from a codebook, so there is no density of z; "
            "its bound, samples and codes can be measured, such as with --only elbo samples representation"
        )
    if Trait.one_latent not in traits:
        raise UserError(
            f"model is a {model.spec.summary}, whose latents depend on each other, so there is no one z; "
            "its bounds can be measured, such as with --only evidence elbo"
        )


def refuse_broken_weights(model: Model) -> None:
    """Refuse a model with a weight that is not a number: whatever is measured of it would not be one either.

    Raises:
        UserError: naming the first such weight.
    """
    for name, weight in model.state_dict().items():
        if weight.is_floating_point() and not bool(torch.isfinite(weight).all()):
            broken = int((~torch.isfinite(weight)).sum())
            raise UserError(
                f"model has weights that are not finite ({broken} of {weight.numel()} in {name}); train it again, "
                "such as with a lower learning rate, or take an earlier model"
            )
