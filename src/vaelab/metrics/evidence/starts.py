"""Initial densities of annealing: normalised, and easy to sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaelab.metrics.densities import expand
from vaelab.metrics.evidence.joint import Joint

Start = Callable[[Joint], Distribution]
"""From the joint density of B images to a density of batch shape () or (B,), positive wherever the joint is."""


def from_prior(joint: Joint) -> Distribution:
    """p(z): independent of the encoder, but needs many temperatures."""
    return joint.prior


def from_posterior(joint: Joint) -> Distribution:
    """q(z | x): close to the true posterior if the encoder is good, blind to every peak that the encoder misses."""
    return joint.posterior


def from_both(joint: Joint) -> Distribution:
    """(p(z) + q(z | x)) / 2, the defensive mixture of Hesterberg (1995).

    If the encoder is good, few temperatures suffice; half of the chains also search elsewhere. In two dimensions the
    true posterior of an image often has several peaks, of which the encoder finds one.
    """
    n = len(joint.x)
    return EqualMixture(expand(joint.prior, n, "model.prior"), expand(joint.posterior, n, "model.posterior"))


class EqualMixture(Distribution):
    """(p + q) / 2 of two densities with the same shape.

    >>> low, high = (torch.distributions.Normal(torch.tensor(mean), 1.0) for mean in (-3.0, 3.0))
    >>> EqualMixture(low, high).log_prob(torch.tensor(0.0)) == low.log_prob(torch.tensor(0.0))
    tensor(True)
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it

    def __init__(self, p: Distribution, q: Distribution) -> None:
        self.p, self.q = p, q
        super().__init__(q.batch_shape, q.event_shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> EqualMixture:
        """The same distribution, expanded to a larger batch."""
        return EqualMixture(self.p.expand(batch_shape), self.q.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density, nats."""
        return torch.logaddexp(self.p.log_prob(value), self.q.log_prob(value)) - math.log(2)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, each from p or from q with probability 1/2."""
        p, q = self.p.sample(sample_shape), self.q.sample(sample_shape)
        coin = torch.rand(self._extended_shape(sample_shape)[: p.ndim - len(self.event_shape)], device=p.device) < 0.5
        return torch.where(coin[(...,) + (None,) * len(self.event_shape)], p, q)
