"""The deterministic encoder over real vectors."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Network, Posterior
from vaelab.distributions import Point, as_float32


class DeterministicPosterior(Posterior):
    """A point, computed by a linear head on the features h: z = mean(h), for every draw the same.

    Args:
        network: the network that computes h.
        latent: dimensions of z per position.
    """

    def __init__(self, network: Network, latent: int) -> None:
        super().__init__()
        self.mean = network.head(latent)

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """The point, of batch shape (B,)."""
        return Point(as_float32(self.mean(h)))
