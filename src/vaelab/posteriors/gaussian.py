"""Gaussian posteriors, with a diagonal or a full covariance."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.contract import Network, Posterior
from vaelab.distributions import MultivariateNormal, as_float32, diagonal_normal, no_autocast, scale_of
from vaelab.errors import UserError

_MAX_DIMENSIONS = 512


class GaussianPosterior(Posterior):
    """A normal distribution with independent dimensions, computed by two linear heads on the features h.

    q(z | x) = N(z; mu(h), diag(exp(log_variance(h)))), drawn by z = mu + sigma epsilon: Kingma and Welling (2014),
    equation 10. Log variances are bounded by `scale_of`.

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
        return diagonal_normal(as_float32(self.mean(h)), scale_of(as_float32(self.log_variance(h))))


class FullGaussianPosterior(Posterior):
    """A normal distribution with mean and Cholesky factor computed from the features h.

    q(z | x) = N(z; mu, L L^T), drawn by z = mu + L epsilon: Kingma and Welling (2019), section 2.5.1, algorithm 2. L is
    lower triangular. On its diagonal are standard deviations, bounded by `scale_of`, and below it the output of a third
    head. The weights of that head start small, so that training starts close to the diagonal posterior.

    Args:
        network: the network that computes h.
        latent: dimensions of z per position; the covariance is over all positions together.

    Raises:
        UserError: z has more than 512 dimensions, which would need a head of hundreds of millions of weights.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, network: Network, latent: int) -> None:
        super().__init__()
        width = network.positions * latent
        if width > _MAX_DIMENSIONS:
            raise UserError(
                f"latent is {latent} at {network.positions} positions, {width} dimensions in all, but FullGaussian "
                f"takes at most {_MAX_DIMENSIONS}",
                python="lower latent or choose Gaussian()",
                flags="lower --latent or choose posterior:gaussian",
            )
        self.mean = network.head(latent)
        self.log_scale = network.head(latent)
        rows, columns = torch.tril_indices(width, width, offset=-1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        # With one dimension there is nothing below the diagonal.
        self.below = nn.Linear(network.features, len(rows)) if len(rows) else None
        if self.below is not None:
            self.below.weight.data.mul_(0.1)

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        with no_autocast(h):
            h = as_float32(h)
            scale_tril = torch.diag_embed(scale_of(2 * self.log_scale(h)))
            if self.below is not None:
                scale_tril[:, self.rows, self.columns] = self.below(h)
            return MultivariateNormal(self.mean(h), scale_tril=scale_tril, validate_args=False)
