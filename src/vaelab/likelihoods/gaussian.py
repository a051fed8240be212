"""The Gaussian likelihood."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Normal

from vaelab.contract import Likelihood
from vaelab.distributions import independent


class NormalPixels(Likelihood):
    """Base of the likelihoods with independent normal pixels or columns.

    Args:
        dimensions: of x: 3 for images, 1 for rows of a table.
    """

    linear = True
    unbounded = True

    def __init__(self, dimensions: int = 3) -> None:
        super().__init__()
        self.dimensions = dimensions

    def normal(self, mean: Tensor, scale: Tensor) -> Distribution:
        """Independent normal pixels or columns."""
        return independent(Normal(mean, scale, validate_args=False), self.dimensions)

    def parameters_of(self, mean: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """The mean itself."""
        return mean

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N ..."]) -> Float[Tensor, "G N"]:
        """-1/2 sum_i [((x_i - theta_i) / sigma_i)^2 + log(2 pi sigma_i^2)], all pairs by two matrix products, nats.

        Computed in float64, since the expanded square is a small difference of large numbers.
        """
        mean, scale = (part.flatten(1).double() for part in (p.mean, p.stddev))
        precision, flat = scale**-2, x.flatten(1).double()
        at_zero = mean**2 * precision / 2 + scale.log() + math.log(2 * math.pi) / 2
        if bool(flat.isnan().any()):
            constant = -at_zero @ flat.isfinite().double().T
            flat = flat.nan_to_num(0.0)
        else:
            constant = -at_zero.sum(1, keepdim=True)
        table = torch.addmm(constant, mean * precision, flat.T).addmm_(precision, flat.T**2, alpha=-0.5)
        return table.to(p.mean.dtype)


class GaussianLikelihood(NormalPixels):
    """Independent normal pixels with a fixed sigma.

    p(x | z) = N(x; theta, sigma^2 I), including the normaliser: Kingma and Welling (2014), appendix C.2. With an
    affine decoder this is probabilistic PCA (Tipping and Bishop 1999), whose evidence is known exactly.

    Args:
        sigma: standard deviation of a pixel, where white is 1, or of a standardised column.
        dimensions: of x.
    """

    sigma: Tensor

    def __init__(self, sigma: float, dimensions: int = 3) -> None:
        super().__init__(dimensions)
        self.register_buffer("sigma", torch.tensor(float(sigma)), persistent=False)

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """Independent normal pixels with means theta."""
        return self.normal(theta, self.sigma.expand_as(theta))
