"""Lower bounds on the evidence by importance sampling, for any model whose likelihood is a density of the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.data import BinarisationSpec, Data
from vaelab.loops import counted
from vaelab.metrics.checks import at_least
from vaelab.metrics.densities import within_support
from vaelab.metrics.evidence.bound import Bound
from vaelab.metrics.images import batches, condition_of, eval_mode, pixels_of, seeded
from vaelab.metrics.support import refuse_cross_entropy, refuse_without_weights
from vaelab.models.model import Model
from vaelab.precision import autocast, computes_in_bf16

# Draws of z that are decoded at once; memory grows with it, and not with k. The study's decoder takes a quarter longer
# with 2000 draws, whose maps are too large for glibc to keep, and with 200, whose operations are too short.
_DECODED = 1000
# Numbers that a decoder makes of them at most. A mixture of logistics has a hundred for each pixel of a colour image.
_NUMBERS = 2**24


@dataclass(frozen=True)
class Evidence(Bound):
    """A lower bound on log p(x), nats per image.

    Args:
        log_p: the bound for each image, (B,).
        samples: k, importance samples per image.
        elbo: mean log-weight of the same samples, (B,): the ELBO, which is the bound at k = 1.
        effective: Kish's effective number of samples, (sum w)^2 / sum w^2, from 1 to k, (B,). If it is much smaller
            than k, a few samples carry the bound, and log p(x) may be much larger.
    """

    log_p: Float[Tensor, " B"]
    samples: int
    elbo: Float[Tensor, " B"]
    effective: Float[Tensor, " B"]

    @property
    def per_image(self) -> Float[Tensor, " B"]:
        """`log_p`, whose mean over images is reported."""
        return self.log_p


@torch.no_grad()
def importance_bound(
    model: Model,
    x: Float[Tensor, "B ..."],
    y: Tensor | None = None,
    samples: int = 100,
    *,
    batch_size: int = 100,
    seed: int | None = None,
    allow_cross_entropy: bool = False,
    precision: str = "fp32",
) -> Evidence:
    r"""Lower bound on log p(x) by importance sampling, for each image.

        log (1/k) sum_i p(x, z_i) / q(z_i | x),      z_i ~ q(z | x)

    Burda, Grosse and Salakhutdinov (2016), equation 8; with k = 1 it is one draw of the ELBO. It is at most log p(x)
    in expectation. Samples are decoded a few at a time and their weights summed, so memory does not grow with k.

    Args:
        model: any model, on any device.
        x: images in [0, 1].
        y: labels or attributes, for a conditional model.
        samples: k.
        batch_size: images per pass.
        seed: of all draws; None draws from torch's global generator.
        allow_cross_entropy: take grey pixels under a Bernoulli likelihood, and bound the log of the integral of
            p(z) exp(-cross-entropy) over z. That is not log p(x), since exp(-cross-entropy) is no density of x, but
            differences from it, such as inference gaps, are valid.
        precision: of the networks: fp32, bf16, or auto for bf16 where the hardware computes in it. In bf16 the bound of
            an image is off by some tenths of a nat, either way; the mean over images moved by less than 0.01 nats where
            it was measured (docs/results.md).

    Raises:
        UserError: samples or batch_size < 1, no image, a posterior without a density, grey pixels under a Bernoulli
            likelihood unless `allow_cross_entropy`, or another precision.
    """
    at_least("samples", samples, 1)
    at_least("batch_size", batch_size, 1)
    at_least("the number of images", len(x), 1)
    refuse_without_weights(model)
    if not allow_cross_entropy:
        refuse_cross_entropy(model, x)
    bf16 = computes_in_bf16(model.device, precision)
    with eval_mode(model), nullcontext() if seed is None else seeded(model.device, seed), autocast(model.device, bf16):
        parts = [_bound(model, *batch, samples) for batch in batches(model, x, y, batch_size)]
    log_p, elbo, effective = (
        torch.cat([getattr(part, name) for part in parts]).to(x.device) for name in ("log_p", "elbo", "effective")
    )
    return Evidence(log_p, samples, elbo, effective)


def _bound(model: Model, x: Tensor, y: Tensor | None, samples: int) -> Evidence:
    first = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    second, total = first.clone(), torch.zeros_like(first)
    numbers = model.likelihood.outputs(x.shape[1]) * math.prod(x.shape[2:])
    sizes = list(_chunks(samples, max(1, min(_DECODED, _NUMBERS // numbers) // len(x))))
    for size in counted(sizes, len(sizes)):
        with within_support("model"):
            log_weight = model(x, y, size).log_weight.double()
        first = torch.logaddexp(first, log_weight.logsumexp(0))
        second = torch.logaddexp(second, (2 * log_weight).logsumexp(0))
        total = total + log_weight.sum(0)
    return Evidence(first - math.log(samples), samples, total / samples, (2 * first - second).exp())


def _chunks(whole: int, most: int) -> Iterator[int]:
    """`whole` as a sum of parts of at most `most`."""
    for start in range(0, whole, most):
        yield min(most, whole - start)


def importance_bound_over(
    model: Model,
    data: Data,
    binarisation: BinarisationSpec | None = None,
    samples: int = 500,
    batch_size: int = 100,
    seed: int = 0,
) -> Evidence:
    """`importance_bound` of every image of a split.

    Stochastic binarisation draws the pixels of each image once, and identically for the same seed.

    Args:
        model: any model, on any device.
        data: the images of one split.
        binarisation: from bytes to pixels; grey by default.
        samples: k.
        batch_size: images per pass.
        seed: of all draws.

    Raises:
        UserError: as `importance_bound`.
    """
    x, y = pixels_of(data.like(model.format), binarisation, seed), condition_of(data, model)
    return importance_bound(model, x, y, samples, batch_size=batch_size, seed=seed)
