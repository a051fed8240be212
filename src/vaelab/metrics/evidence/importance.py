"""Bounds on the evidence by importance samples, for any model whose likelihood is a density of the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.data import BinarisationSpec, ImageData
from vaelab.errors import UserError
from vaelab.metrics.evidence.support import refuse_cross_entropy
from vaelab.metrics.images import batches, condition_of, eval_mode, pixels_of, seeded
from vaelab.metrics.intervals import Interval, bootstrap_interval
from vaelab.models.model import Model

# Codes that are decoded at a time: memory depends on it, and not on k.
_CODES = 2000


@dataclass(frozen=True)
class Evidence:
    """A bound on log p(x), nats per image.

    Args:
        log_p: the bound for each image, (B,).
        samples: k, importance samples an image.
        elbo: mean log-weight of the same samples, (B,): the ELBO, which k = 1 bounds by.
        effective: Kish's effective number of samples, (sum w)^2 / sum w^2, from 1 to k, (B,). Where it is small
            against k, a few samples carry the bound and log p(x) may lie well above it.
    """

    log_p: Float[Tensor, " B"]
    samples: int
    elbo: Float[Tensor, " B"]
    effective: Float[Tensor, " B"]

    @property
    def mean(self) -> float:
        """Mean over images."""
        return float(self.log_p.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean, over images."""
        return float(self.log_p.std() / math.sqrt(len(self.log_p)))

    @property
    def interval(self) -> Interval:
        """Of the mean, 95 %, by drawing the images anew."""
        return bootstrap_interval(self.log_p.double().numpy(force=True))


@torch.no_grad()
def importance_bound(
    model: Model, x: Float[Tensor, "B C H W"], y: Tensor | None = None, samples: int = 100
) -> Evidence:
    r"""log (1/k) sum_i p(x, z_i) / q(z_i | x) for each image, at most log p(x) in expectation.

    Burda, Grosse and Salakhutdinov (2016), equation 8; k = 1 is one draw of the ELBO. Some samples are decoded at a
    time and summed up, so that memory does not grow with k, and each of the k is a draw of its own.

    Args:
        model: any model.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model.
        samples: k.

    Raises:
        UserError: k < 1, or pixels outside the likelihood's support: grey pixels under a Bernoulli
            likelihood give a cross-entropy, which is no log-likelihood.
    """
    refuse_cross_entropy(model, x)
    return importance_integral(model, x, y, samples)


@torch.no_grad()
def importance_integral(
    model: Model, x: Float[Tensor, "B C H W"], y: Tensor | None = None, samples: int = 100
) -> Evidence:
    """`importance_bound` whatever the pixels: of log of the integral of p(z) exp(-reconstruction) over z.

    On grey pixels under a Bernoulli likelihood that is no log p(x), since exp(-cross-entropy) is no density of x;
    differences from it, such as inference gaps, are true all the same.

    Raises:
        UserError: k < 1.
    """
    if samples < 1:
        raise UserError(f"samples is {samples}, but must be >= 1")
    first = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    second, total = first.clone(), torch.zeros_like(first)
    with eval_mode(model):
        for some in _chunks(samples, max(1, _CODES // len(x))):
            log_weight = model(x, y, some).log_weight.double()
            first = torch.logaddexp(first, log_weight.logsumexp(0))
            second = torch.logaddexp(second, (2 * log_weight).logsumexp(0))
            total = total + log_weight.sum(0)
    return Evidence(first - math.log(samples), samples, total / samples, (2 * first - second).exp())


def _chunks(whole: int, most: int) -> Iterator[int]:
    """`whole` in parts of at most `most`."""
    for start in range(0, whole, most):
        yield min(most, whole - start)


def importance_bound_over(
    model: Model,
    data: ImageData,
    binarisation: BinarisationSpec | None = None,
    samples: int = 500,
    batch_size: int = 100,
    seed: int = 0,
) -> Evidence:
    """`importance_bound` for every image of a split, with random numbers of its own.

    Where pixels are drawn, as by dynamic binarisation, each image is drawn once: always the same for a seed.

    Args:
        model: any model, on any device.
        data: the images of one split.
        binarisation: from bytes to pixels; grey by default.
        samples: k.
        batch_size: images at a time.
        seed: of the draws.

    Raises:
        UserError: as `importance_bound`.
    """
    return importance_over(model, pixels_of(data, binarisation, seed), condition_of(data), samples, batch_size, seed)


def importance_over(
    model: Model,
    x: Float[Tensor, "N C H W"],
    y: Tensor | None,
    samples: int,
    batch_size: int = 100,
    seed: int = 0,
    bound: Callable[[Model, Tensor, Tensor | None, int], Evidence] = importance_bound,
) -> Evidence:
    """`importance_bound`, or another such estimate, of many images, some at a time."""
    with seeded(model.device, seed):
        parts = [bound(model, some, conditions, samples) for some, conditions in batches(model, x, y, batch_size)]
    log_p, elbo, effective = (
        torch.cat([getattr(part, name) for part in parts]).cpu() for name in ("log_p", "elbo", "effective")
    )
    return Evidence(log_p, samples, elbo, effective)
