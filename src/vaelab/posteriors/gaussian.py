"""The diagonal Gaussian posterior."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Network, Posterior
from vaelab.distributions import as_float32, diagonal_normal


class GaussianPosterior(Posterior):
    """A normal distribution with independent dimensions, computed by two linear heads on the features h.

    q(z | x) = N(z; mu(h), diag(exp(log_variance(h)))), drawn by z = mu + sigma epsilon: Kingma and Welling (2014),
    equation 10.

    Args:
        network: the network that computes h.
        latent: dimensions of z per position.
    """

    def __init__(self, network: Network, latent: int) -> None:
        super().__init__()
        self.mean = network.head(latent)
        self.log_variance = network.head(latent)

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        return diagonal_normal(as_float32(self.mean(h)), (as_float32(self.log_variance(h)) / 2).exp())
