"""The flow posterior."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import AffineTransform, Distribution
from torch.quasirandom import SobolEngine
from zuko.distributions import NormalizingFlow
from zuko.flows import NSF
from zuko.transforms import ComposedTransform

from vaelab.distributions import diagonal_normal, full_precision, in_full
from vaelab.networks.network import Network
from vaelab.posteriors.posterior import Posterior
from vaelab.trace import Draw

_POINTS = 64


class SplinePosterior(Posterior):
    """z = mu + sigma f(epsilon; h), epsilon ~ N(0, I), f a stack of coupled monotonic splines.

    Rezende and Mohamed (2015), equations 5 and 15, with the couplings of Durkan et al. (2019), section 3:
    half of the dimensions are moved given the other half, so drawing and scoring take one pass each. Splines cover
    [-5, 5]; outside f is the identity.

    Args:
        network: whose features it reads.
        latent: dimensions of z, a place; the flow is over all places together.
        transforms: how many transformations.
        hidden: widths of the network that conditions each of them.
        context: numbers that these networks are told of h.
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
        with full_precision(h):
            h = in_full(h)
            standard: NormalizingFlow = self.flow(self.context(h).tanh())
            mean, scale = self.mean(h), (self.log_variance(h) / 2).exp()
            affine = AffineTransform(mean, scale, event_dim=1)
            base = diagonal_normal(torch.zeros_like(mean), torch.ones_like(mean))
            return BentNormal(ComposedTransform(affine.inv, standard.transform), base)

    def forward(self, h: Float[Tensor, "B F"], samples: int) -> Draw:
        """`samples` reparameterised draws."""
        with full_precision(h):
            return super().forward(h, samples)


class BentNormal(NormalizingFlow):  # type: ignore[misc]
    """A normal distribution sent through a flow."""

    @property
    def event_shape(self) -> torch.Size:
        """(D,): what comes out is as wide as what goes in, whatever the batch of the affine part."""
        shape: torch.Size = self.base.event_shape
        return shape

    @property
    def mean(self) -> Float[Tensor, "B D"]:
        """The average over 64 fixed quasi-random points, the same at each call: it has no closed form."""
        uniform = SobolEngine(self.event_shape[-1], scramble=True, seed=0).draw(_POINTS)
        normal = torch.special.ndtri(uniform.clamp(1e-4, 1 - 1e-4)).to(self.base.mean)
        points = normal[:, None].expand(-1, *self.batch_shape, -1)
        mean: Tensor = self.transform.inv(points).mean(0)
        return mean

    def expand(self, batch_shape: Any, new: Any = None) -> BentNormal:
        """The same distribution for a larger batch."""
        return BentNormal(self.transform, self.base.expand(batch_shape))
