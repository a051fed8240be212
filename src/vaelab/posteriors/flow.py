"""The normalising-flow posterior."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import AffineTransform, Distribution
from zuko.transforms import ComposedTransform

from vaelab.contract import Network, Posterior
from vaelab.distributions import as_float32, diagonal_normal, no_autocast, scale_of
from vaelab.distributions.flow import FlowDistribution
from vaelab.flows import FlowSizes, TransformSpec
from vaelab.flows.inverse import Remembered


class TransformedPosterior(Posterior):
    """A stack of invertible transformations, followed by a diagonal affine map.

    z = mu + sigma f(epsilon; h), epsilon ~ N(0, I): Rezende and Mohamed (2015), equations 5 and 15. Many published
    posteriors have the affine map first. With planar, autoregressive and coupling transformations that is the same
    family; a radial one is round in units of sigma instead of units of z.

    Args:
        network: the network that computes h.
        latent: dimensions of z per position; the flow is over all positions together.
        transform: what the flow is made of.
        sizes: what its transformations are built for.
    """

    def __init__(self, network: Network, latent: int, transform: TransformSpec, sizes: FlowSizes) -> None:
        super().__init__()
        self.mean = network.head(latent)
        self.log_variance = network.head(latent)
        self.context = nn.Linear(network.features, sizes.context)
        self.flow = transform.build(sizes)
        self.remembers = transform.remembers

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        with no_autocast(h):
            h = as_float32(h)
            standard = self.flow(self.context(h).tanh())
            mean, scale = self.mean(h), scale_of(self.log_variance(h))
            affine = AffineTransform(mean, scale, event_dim=1)
            base = diagonal_normal(torch.zeros_like(mean), torch.ones_like(mean))
            transform = ComposedTransform(affine.inv, standard.transform)
            return FlowDistribution(Remembered(transform) if self.remembers else transform, base)
