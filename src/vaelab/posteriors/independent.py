"""Posteriors with independent dimensions that are not normal: gamma and Student's t."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Gamma, Independent, StudentT
from torch.nn.functional import softplus

import vaelab.distributions.student_t  # noqa: F401  # registers its KL
from vaelab.contract import Network, Posterior
from vaelab.distributions import as_float32, no_autocast, scale_of

# Least shape and rate of a gamma distribution. A smaller shape would put draws where float32 has no numbers.
_SHAPE, _RATE = 0.1, 0.01
# Least degrees of freedom: above 4, what is quadratic in a draw, such as log p(z), has a finite variance.
_FREEDOM = 4.1


class IndependentGammaPosterior(Posterior):
    """Independent gamma distributions, shapes and rates computed by two linear heads on the features h.

    q(z | x) = prod_i Gamma(z_i; alpha_i, beta_i), alpha = 0.1 + softplus, beta = 0.01 + softplus.

    Args:
        network: the network that computes h.
        latent: dimensions of z per position.
    """

    def __init__(self, network: Network, latent: int) -> None:
        super().__init__()
        self.concentration = network.head(latent)
        self.rate = network.head(latent)

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        with no_autocast(h):
            h = as_float32(h)
            concentration, rate = _SHAPE + softplus(self.concentration(h)), _RATE + softplus(self.rate(h))
            return Independent(Gamma(concentration, rate, validate_args=False), 1, validate_args=False)


class IndependentStudentPosterior(Posterior):
    """Independent Student's t distributions, computed by three linear heads on the features h.

    q(z | x) = prod_i t(z_i; nu_i, m_i, s_i), nu = 4.1 + softplus; log scales are bounded by `scale_of`.

    Args:
        network: the network that computes h.
        latent: dimensions of z per position.
    """

    def __init__(self, network: Network, latent: int) -> None:
        super().__init__()
        self.mean = network.head(latent)
        self.log_variance = network.head(latent)
        self.freedom = network.head(latent)

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(z | x), of batch shape (B,)."""
        with no_autocast(h):
            h = as_float32(h)
            freedom, scale = _FREEDOM + softplus(self.freedom(h)), scale_of(self.log_variance(h))
            return Independent(StudentT(freedom, self.mean(h), scale, validate_args=False), 1, validate_args=False)
