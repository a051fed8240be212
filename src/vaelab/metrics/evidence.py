"""Bounds on the evidence log p(x), for likelihoods that are densities of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.data import Binarisation, Grey, ImageData
from vaelab.errors import UserError
from vaelab.models.model import Model


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
    model: Model, x: Float[Tensor, "B C H W"], y: Tensor | None = None, samples: int = 100
) -> Evidence:
    r"""log (1/k) sum_i p(x, z_i) / q(z_i | x) for each image, at most log p(x) in expectation.

    Burda, Grosse and Salakhutdinov (2016), equation 8; k = 1 is one draw of the ELBO. One sample is decoded
    at a time, so that memory does not grow with k.

    Args:
        model: any model.
        x: pictures in [0, 1].
        y: labels or attributes, for a conditional model.
        samples: k.

    Raises:
        UserError: k < 1, or pixels outside the likelihood's support: grey pixels under a Bernoulli
            likelihood give a cross-entropy, which is no log-likelihood.
    """
    if samples < 1:
        raise UserError(f"samples is {samples}, but must be >= 1")
    refuse_cross_entropy(model, x)
    # As it is used, not as it learns: a codebook or a moving variance would follow the pictures.
    was_training = model.training
    model.eval()
    total = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    for _ in range(samples):
        total = torch.logaddexp(total, model(x, y, 1).log_weight[0].double())
    model.train(was_training)
    return Evidence(total - math.log(samples), samples)


def importance_bound_over(
    model: Model,
    data: ImageData,
    binarisation: Binarisation | None = None,
    samples: int = 500,
    batch_size: int = 1000,
    seed: int = 0,
) -> Evidence:
    """`importance_bound` for every picture of a split, with random numbers of its own.

    Where pixels are drawn, as by dynamic binarisation, each picture is drawn once.

    Args:
        model: any model, on any device.
        data: the pictures of one split.
        binarisation: from bytes to pixels; grey by default.
        samples: k.
        batch_size: pictures at a time.
        seed: of the draws.

    Raises:
        UserError: as `importance_bound`.
    """
    protocol, condition = binarisation or Grey(), data.condition
    images = torch.from_numpy(protocol.prepare(data.images))
    bounds = []
    others = [] if model.device.type == "cpu" else [model.device]
    with torch.random.fork_rng(devices=others, device_type=model.device.type if others else "cuda"):
        torch.manual_seed(seed)
        for start in range(0, len(images), batch_size):
            rows = slice(start, start + batch_size)
            x = protocol.pixels(images[rows].to(model.device))
            y = None if condition is None else torch.from_numpy(condition[rows]).to(model.device)
            bounds.append(importance_bound(model, x, y, samples).log_p)
    return Evidence(torch.cat(bounds), samples)


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
