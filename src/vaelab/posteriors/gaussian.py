"""The diagonal Gaussian posterior."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.distributions import diagonal_normal, in_full
from vaelab.posteriors.posterior import Posterior
from vaelab.trace import Draw


class GaussianPosterior(Posterior):
    """q(z | x) = N(z; mu(h), diag(exp(log_variance(h)))), two linear heads on the features h.

    Drawn by z = mu + sigma epsilon (Kingma and Welling 2014, equation 10).

    Args:
        features: F, width of h.
        latent: D, dimensions of z.
    """

    def __init__(self, features: int, latent: int) -> None:
        super().__init__()
        self.mean = nn.Linear(features, latent)
        self.log_variance = nn.Linear(features, latent)

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        return diagonal_normal(in_full(self.mean(h)), (in_full(self.log_variance(h)) / 2).exp())

    def forward(self, h: Float[Tensor, "B F"], samples: int) -> Draw:
        """`samples` reparameterised draws."""
        q = self.distribution(h)
        z = q.rsample((samples,))
        return Draw(q=q, code=z, z=z)
