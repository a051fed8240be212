"""The Gaussian likelihood whose sigma is learned."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.distributions import diagonal_normal
from vaelab.likelihoods.gaussian import NormalPixels


class LearnedGaussianLikelihood(NormalPixels):
    r"""p(x | z) = N(x; theta, sigma^2 I), log sigma one weight for all pixels, the normaliser included.

    Dai and Wipf (2019) learn it so. The score is lowest where sigma^2 is the mean squared error of
    a pixel, so that no weight between reconstruction and KL has to be chosen. It starts at sigma = 0.1, as
    `GaussianPixels` does, with theta = 0 a black image.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(torch.tensor(math.log(0.1)))

    def forward(self, theta: Float[Tensor, "*N C H W"]) -> Distribution:
        """Independent normal pixels with means theta."""
        return diagonal_normal(theta, self.log_sigma.exp().expand_as(theta), event_dims=3)
