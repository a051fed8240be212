"""The wrapped normal posterior of the Poincare ball."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Network, Posterior
from vaelab.distributions import as_float32, no_autocast, scale_of
from vaelab.distributions.poincare import WrappedNormal, to_ball


class WrappedNormalPosterior(Posterior):
    """A normal distribution wrapped around the Poincare ball, its centre and scales computed from the features h.

    The first head gives a tangent vector at the origin, whose length is the distance of the centre; the second one log
    variances, bounded by `scale_of`.

    Args:
        network: the network that computes h.
        latent: dimensions of z per position; the ball is of all positions together.
        curvature: c > 0, the negative curvature.
    """

    def __init__(self, network: Network, latent: int, curvature: float) -> None:
        super().__init__()
        self.centre = network.head(latent)
        self.log_variance = network.head(latent)
        self.curvature = curvature

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        with no_autocast(h):
            h = as_float32(h)
            return WrappedNormal(
                to_ball(self.centre(h), self.curvature), scale_of(self.log_variance(h)), self.curvature
            )
