"""The Gaussian likelihood."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.distributions import diagonal_normal
from vaelab.likelihoods.likelihood import Likelihood


class GaussianLikelihood(Likelihood):
    """p(x | z) = N(x; theta, sigma^2 I), sigma fixed, the normaliser included.

    Kingma and Welling (2014), appendix C.2. With an affine decoder this is probabilistic PCA (Tipping and
    Bishop 1999), whose evidence is known exactly.

    Args:
        sigma: the standard deviation of a pixel, on the scale where white is 1.
    """

    sigma: Tensor

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.register_buffer("sigma", torch.tensor(float(sigma)), persistent=False)

    def forward(self, theta: Float[Tensor, "*N C H W"]) -> Distribution:
        """Independent normal pixels with means theta."""
        return diagonal_normal(theta, self.sigma.expand_as(theta), event_dims=3)
