"""Bounds on the evidence log p(x), for likelihoods that are densities of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vaelab.errors import UserError
from vaelab.models.vae import VAEModel


@dataclass(frozen=True)
class Evidence:
    """A bound on log p(x), nats an image.

    Args:
        log_p: the bound for each image, (B,).
        samples: k, importance samples an image.
    """

    log_p: Float[Tensor, " B"]
    samples: int

    @property
    def mean(self) -> float:
        """Mean over images."""
        return float(self.log_p.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean, over images."""
        return float(self.log_p.std() / math.sqrt(len(self.log_p)))


@torch.no_grad()
def importance_bound(
    model: VAEModel, x: Float[Tensor, "B C H W"], y: Int[Tensor, " B"] | None = None, samples: int = 100
) -> Evidence:
    r"""log (1/k) sum_i p(x, z_i) / q(z_i | x) for each image, at most log p(x) in expectation.

    Burda, Grosse and Salakhutdinov (2016), equation 8; k = 1 is one draw of the ELBO. One sample is decoded
    at a time, so that memory does not grow with k.

    Args:
        model: any model.
        x: pictures in [0, 1].
        y: labels, for a conditional model.
        samples: k.

    Raises:
        UserError: k < 1, or pixels outside the likelihood's support: grey pixels under a Bernoulli
            likelihood give a cross-entropy, which is no log-likelihood.
    """
    if samples < 1:
        raise UserError(f"samples is {samples}, but must be >= 1")
    refuse_cross_entropy(model, x)
    total = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    for _ in range(samples):
        total = torch.logaddexp(total, model(x, y, 1).log_weight[0].double())
    return Evidence(total - math.log(samples), samples)


def refuse_cross_entropy(model: VAEModel, x: Tensor) -> None:
    """Refuse pixels that the model's likelihood gives no density to.

    Raises:
        UserError: a pixel lies outside the likelihood's support.
    """
    if model.likelihood.binary and not bool(((x == 0) | (x == 1)).all()):
        raise UserError(
            "x has grey pixels, under which a Bernoulli likelihood gives a cross-entropy and no log-likelihood; "
            "binarise them, such as with --binarisation dynamic, or choose another likelihood"
        )
