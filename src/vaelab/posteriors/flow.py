"""The normalising-flow posterior."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import AffineTransform, Distribution
from zuko.flows import NSF
from zuko.transforms import ComposedTransform

from vaelab.contract import Network, Posterior
from vaelab.distributions import as_float32, diagonal_normal, no_autocast, scale_of
from vaelab.distributions.flow import FlowDistribution


class SplinePosterior(Posterior):
    """A stack of coupled monotonic splines, followed by a diagonal affine map.

    z = mu + sigma f(epsilon; h), epsilon ~ N(0, I): Rezende and Mohamed (2015), equations 5 and 15, with the couplings
    of Durkan et al. (2019), section 3. Half of the dimensions are transformed given the other half, so sampling and
    scoring take one pass each. Splines cover [-5, 5]; outside, f is the identity.

    Args:
        network: the network that computes h.
        latent: dimensions of z per position; the flow is over all positions together.
        transforms: number of transformations.
        hidden: widths of each transformation's network.
        context: number of features of h given to each transformation's network.
    """

    def __init__(self, network: Network, latent: int, transforms: int, hidden: tuple[int, ...], context: int) -> None:
        super().__init__()
        self.mean = network.head(latent)
        self.log_variance = network.head(latent)
        self.context = nn.Linear(network.features, context)
        width = network.positions * latent
        self.flow = NSF(width, context, transforms=transforms, hidden_features=hidden, passes=min(2, width))

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        with no_autocast(h):
            h = as_float32(h)
            standard = self.flow(self.context(h).tanh())
            mean, scale = self.mean(h), scale_of(self.log_variance(h))
            affine = AffineTransform(mean, scale, event_dim=1)
            base = diagonal_normal(torch.zeros_like(mean), torch.ones_like(mean))
            return FlowDistribution(ComposedTransform(affine.inv, standard.transform), base)
