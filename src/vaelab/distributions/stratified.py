"""Mixtures with fixed weights, whose draws are spread over the components as evenly as the weights allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution


class StratifiedMixture(Distribution):
    r"""q(z) = sum_k w_k q_k(z), row by row with its own fixed weights, drawn by systematic sampling.

    Draw s of S comes from the component in whose share of [0, 1) the number (s + u) / S lies, with one u, uniform on
    [0, 1), for each row. Each of K equally likely components thus gives S / K draws if K divides S, and always as many
    in expectation. Weights are fixed, so draws carry gradients to the components. Averages over the draws are unbiased;
    the draws are not independent of each other.

    Args:
        components: K distributions over vectors, of the batch shape of the weights.
        weights: w, (..., K); zero for components that a row does not have.

    >>> from vaelab.distributions import diagonal_normal
    >>> ends = [diagonal_normal(torch.full((1, 1), m), torch.full((1, 1), 1e-3)) for m in (-1.0, 1.0)]
    >>> StratifiedMixture(ends, torch.tensor([[0.5, 0.5]])).sample((4,)).round().flatten().tolist()
    [-1.0, -1.0, 1.0, 1.0]
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    has_rsample = True

    def __init__(self, components: Sequence[Distribution], weights: Float[Tensor, "... K"]) -> None:
        self.components, self.weights = list(components), weights
        super().__init__(weights.shape[:-1], self.components[0].event_shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> StratifiedMixture:
        """The same mixture, expanded to a larger batch."""
        shape = torch.Size(batch_shape)
        return StratifiedMixture([each.expand(shape) for each in self.components], self.weights.expand(*shape, -1))

    @property
    def mean(self) -> Tensor:
        """sum_k w_k m_k."""
        means = torch.stack([each.mean for each in self.components], -1)
        return (self.weights[..., None, :] * means).sum(-1)

    @property
    def variance(self) -> Tensor:
        """sum_k w_k (s_k^2 + m_k^2) - m^2, as the spread within components and that of their means."""
        within = torch.stack([each.variance for each in self.components], -1)
        apart = torch.stack([each.mean - self.mean for each in self.components], -1)
        return (self.weights[..., None, :] * (within + apart.square())).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log sum_k w_k q_k(z), nats."""
        each = torch.stack([component.log_prob(value) for component in self.components], -1)
        # A weight of zero has no gradient, where that of its logarithm is infinite.
        there = self.weights > 0
        log_weights = torch.where(there, self.weights, 1.0).log().masked_fill(~there, -torch.inf)
        return (each + log_weights).logsumexp(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of every component, of which each row keeps those of its own strata."""
        shape = torch.Size(sample_shape)
        drawn = torch.stack([component.rsample(shape) for component in self.components], -1)
        chosen = self._strata(shape.numel()).reshape(*shape, *self.batch_shape)
        return drawn.take_along_dim(chosen[..., None, None], -1)[..., 0]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws without gradients."""
        with torch.no_grad():
            return self.rsample(sample_shape)

    def _strata(self, draws: int) -> Tensor:
        """The component of each draw, (S, B)."""
        first = torch.rand(self.batch_shape, dtype=self.weights.dtype, device=self.weights.device)
        number = torch.arange(draws, dtype=first.dtype, device=first.device).reshape(-1, *[1] * first.ndim)
        # Rounding must not lead to a component of weight zero at the end.
        places = ((number + first) / draws).clamp(max=1 - torch.finfo(first.dtype).eps)
        chosen: Tensor = (places[..., None] >= self.weights.cumsum(-1)[..., :-1]).sum(-1)
        return chosen
