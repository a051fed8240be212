"""The two sides of a model: the weights of q(z | x), and losses that train some of the weights only."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from vaelab.contract import Trace


def inference_weights(trace: Trace) -> list[nn.Parameter]:
    """The trained weights that the draws of q(z | x) depend on: encoder and posterior, not decoder and prior."""
    (latent,) = trace.latents
    if not latent.code.requires_grad:
        return []
    trained = [weight for weight in trace.model.parameters() if weight.requires_grad]
    slopes = torch.autograd.grad(latent.code.sum(), trained, retain_graph=True, allow_unused=True)
    return [weight for weight, slope in zip(trained, slopes, strict=True) if slope is not None]


def other_weights(trace: Trace, weights: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """The trained weights of the model besides these."""
    known = {id(weight) for weight in weights}
    return [weight for weight in trace.model.parameters() if weight.requires_grad and id(weight) not in known]


def twice_differentiable() -> AbstractContextManager[None]:
    """A context in which attention is computed so that it has second derivatives, which torch's fast kernels lack."""
    context: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
    return context


def restricted(loss: Tensor, weights: Iterable[nn.Parameter]) -> Tensor:
    """The value of a loss, whose gradient reaches these weights only.

    Other weights get no gradient, which is not a gradient of zero: Adam leaves them and their moments as they are.
    """
    kept = list(weights)
    if not kept or not loss.requires_grad:
        return loss.detach()
    slopes = torch.autograd.grad(loss, kept, retain_graph=True, allow_unused=True)
    moved = [
        ((weight - weight.detach()) * slope).sum()
        for weight, slope in zip(kept, slopes, strict=True)
        if slope is not None
    ]
    return loss.detach() + sum(moved, torch.zeros_like(loss))
