"""The beta likelihood of grey pixels."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Beta, Distribution, Independent, constraints

from vaelab.contract import Likelihood
from vaelab.distributions import as_float64, bounded, scale_of
from vaelab.likelihoods.levels import LEVELS, inside


class BetaLikelihood(Likelihood):
    r"""Independent beta pixels, with a mean mu and a concentration phi for each.

    p(x | z) = prod_i 255/256 Beta(u_i; mu_i phi_i, (1 - mu_i) phi_i), with the mean and precision of Ferrari and
    Cribari-Neto (2004), mu = sigmoid(theta_1) and phi = 2 exp(theta_2), both bounded smoothly. At theta = 0 the density
    is uniform.

    A beta density may be zero or infinite at 0 and 1, where many pixels are. So u = (255 x + 1/2) / 256: the 256 grey
    levels stand in the middle of 256 equal parts of (0, 1), and x has a density on [-1/510, 1 + 1/510], half a grey
    level beyond black and white. Draws and means may lie there too. 255/256 is du / dx. With 256 for the number of
    observations it is the rule of Smithson and Verkuilen (2006).
    """

    def forward(self, theta: Float[Tensor, "*N P H W"]) -> Distribution:
        """Independent pixels."""
        mean, concentration = theta.chunk(2, -3)
        return Independent(BetaPixels(bounded(mean), 2 * scale_of(2 * concentration)), 3, validate_args=False)

    def outputs(self, channels: int) -> int:
        """P = 2 C."""
        return 2 * channels

    def parameters_of(self, mean: Float[Tensor, "C H W"]) -> Float[Tensor, "P H W"]:
        """The logit of the mean of u, and the concentration 2."""
        logit = inside(mean).logit()
        return torch.cat([logit, torch.zeros_like(logit)])


class BetaPixels(Distribution):
    """Pixels x = (256 u - 1/2) / 255 with u of a beta distribution.

    Args:
        logit: of the mean of u.
        concentration: phi, the sum of the beta distribution's two parameters.
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.interval(-0.5 / (LEVELS - 1), 1 + 0.5 / (LEVELS - 1))

    def __init__(self, logit: Tensor, concentration: Tensor) -> None:
        self.logit, self.concentration = logit, concentration
        # The logarithm of the beta function is a small difference of large numbers. 1 - sigmoid(m) is sigmoid(-m),
        # which does not round to 0.
        wide, phi = as_float64(logit), as_float64(concentration)
        self.u = Beta(phi * wide.sigmoid(), phi * (-wide).sigmoid(), validate_args=False)
        super().__init__(logit.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> BetaPixels:
        """The same distribution, expanded to a larger batch."""
        return BetaPixels(self.logit.expand(batch_shape), self.concentration.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of each pixel, nats; minus infinity beyond half a grey level outside [0, 1]."""
        u = inside(as_float64(value))
        open_interval = (u > 0) & (u < 1)
        log_p = self.u.log_prob(torch.where(open_interval, u, 0.5)) + math.log((LEVELS - 1) / LEVELS)
        return torch.where(open_interval, log_p, -torch.inf).to(self.logit.dtype)

    @property
    def mean(self) -> Tensor:
        """The mean of u as a pixel."""
        return (LEVELS * self.logit.sigmoid() - 0.5) / (LEVELS - 1)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Pixels drawn at random."""
        u = self.u.sample(torch.Size(sample_shape))
        return ((LEVELS * u - 0.5) / (LEVELS - 1)).to(self.logit.dtype)
