"""The loss of `NeighbourEmbedding`, with its memory of past images."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vaelab.contract import Trace
from vaelab.data import ImageFormat
from vaelab.schedules import Progress

if TYPE_CHECKING:
    from vaelab.objectives.neighbours import NeighbourEmbedding

_NONE = -1


class NeighbourLoss(nn.Module):
    """The base's loss plus weight mean_i KL(p_i || q_i) over the images of the batch.

    Buffers hold the memory, newest images first, so that a resumed run goes on as it would have.

    Args:
        spec: the settings.
        base: the loss.
        latent: D, dimensions of z.
        image: the format of the images.
    """

    images: Tensor
    means: Tensor
    labels: Tensor
    filled: Tensor

    def __init__(
        self, spec: NeighbourEmbedding, base: Callable[[Trace, Progress], Tensor], latent: int, image: ImageFormat
    ) -> None:
        super().__init__()
        self.spec, self.base = spec, base
        self.register_buffer("images", torch.zeros(spec.memory, math.prod(image.shape)))
        self.register_buffer("means", torch.zeros(spec.memory, latent))
        self.register_buffer("labels", torch.full((spec.memory,), _NONE))
        self.register_buffer("filled", torch.zeros(spec.memory, dtype=torch.bool))

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        loss = self.base(trace, progress)
        weight = self.spec.weight(progress)
        if not weight:
            return loss
        (latent,) = trace.latents
        images, means = trace.x.flatten(1), latent.q.mean
        labels = _labels(trace)
        filled = torch.ones_like(labels, dtype=torch.bool)

        seen = torch.cat([images, self.images])
        apart = torch.cat([filled, self.filled]) & (labels[:, None] == torch.cat([labels, self.labels]))
        apart = apart & ~torch.eye(len(images), len(seen), dtype=torch.bool, device=images.device)
        divergence = neighbour_divergence(
            torch.cdist(images, seen).square(),
            (means[:, None] - torch.cat([means, self.means])).square().sum(-1) / self.spec.scale**2,
            apart,
            self.spec.perplexity,
        )
        self._remember(images, means, labels, filled)
        return loss + weight * divergence.mean()

    @torch.no_grad()
    def _remember(self, *batch: Tensor) -> None:
        """Put a batch before the memory, and drop as many of the oldest images."""
        for memory, new in zip((self.images, self.means, self.labels, self.filled), batch, strict=True):
            memory.copy_(torch.cat([new.to(memory.dtype), memory])[: len(memory)])


def _labels(trace: Trace) -> Tensor:
    """A number per image, (B,), the same for images that can be neighbours."""
    y = trace.y
    if y is None or y.is_floating_point() or not trace.model.spec.conditional:
        return torch.zeros(len(trace.x), dtype=torch.long, device=trace.x.device)
    return y


def neighbour_divergence(
    between_images: Float[Tensor, "B N"],
    between_codes: Float[Tensor, "B N"],
    candidates: Bool[Tensor, "B N"],
    perplexity: float,
) -> Float[Tensor, " B"]:
    """KL(p_i || q_i) of each image, nats: p_i normal in the images, q_i a Student t with one degree of freedom.

    Args:
        between_images: squared distances of the images.
        between_codes: squared distances of the means, over the square of the scale.
        candidates: whether image j can be a neighbour of image i; without any, the divergence is 0.
        perplexity: that of p_i, at most a third of its candidates.
    """
    p = affinities(between_images, candidates, perplexity)
    log_q = torch.log_softmax((-torch.log1p(between_codes)).masked_fill(~candidates, -torch.inf), 1)
    # Without candidates log_q is NaN, and so would its slope be: both are set to 0 before p is looked at.
    terms = torch.where(p > 0, torch.xlogy(p, p) - p * torch.where(p > 0, log_q, 0), 0)
    return terms.sum(1)


@torch.no_grad()
def affinities(
    distances: Float[Tensor, "B N"], candidates: Bool[Tensor, "B N"], perplexity: float, steps: int = 30
) -> Float[Tensor, "B N"]:
    """p_i(j), proportional to exp(-distance^2 / (2 s_i^2)), with s_i found by bisection.

    Van der Maaten and Hinton (2008), equation 1.

    Args:
        distances: squared distances.
        candidates: where p_i may be above 0; a row without any is 0.
        perplexity: exp of the entropy of p_i, at most a third of its candidates.
        steps: halvings of the interval of log(1 / (2 s_i^2)).
    """
    known = candidates.any(1, keepdim=True)
    distances = distances.masked_fill(~candidates, torch.inf)
    nearest = torch.where(known, distances.amin(1, keepdim=True), 0)
    entropy = (candidates.sum(1, keepdim=True) / 3).clamp(1, perplexity).log()
    excess = distances - nearest
    # In the unit of the row's mean distance, precisions between 1e-4 and 1e8 are all that are needed.
    unit = torch.where(candidates, excess, 0).sum(1, keepdim=True) / candidates.sum(1, keepdim=True).clamp(min=1)
    excess = excess / unit.clamp(min=1e-12)
    low, high = torch.full_like(unit, math.log(1e-4)), torch.full_like(unit, math.log(1e8))
    for _ in range(steps):
        middle = (low + high) / 2
        p = torch.softmax(-excess * middle.exp(), 1)
        too_wide = -torch.xlogy(p, p).sum(1, keepdim=True) > entropy
        low, high = torch.where(too_wide, middle, low), torch.where(too_wide, high, middle)
    p = torch.softmax(-excess * ((low + high) / 2).exp(), 1)
    return torch.where(known & candidates, p, 0)
