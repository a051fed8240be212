"""The Gaussian likelihood with a learned sigma."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.distributions import diagonal_normal, scale_of
from vaelab.likelihoods.gaussian import NormalPixels


class LearnedGaussianLikelihood(NormalPixels):
    r"""Independent normal pixels with one learned sigma.

    p(x | z) = N(x; theta, sigma^2 I), including the normaliser, with log sigma one parameter for all pixels: Dai and
    Wipf (2019). The negative log-likelihood is lowest where sigma^2 is the mean squared error of a pixel, so the weight
    between reconstruction and KL does not have to be chosen. Training starts at sigma = 0.1, the default of
    `GaussianPixels`; theta = 0 is a black image. log sigma is bounded by `scale_of`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(torch.tensor(math.log(0.1)))

    def forward(self, theta: Float[Tensor, "*N C H W"]) -> Distribution:
        """Independent normal pixels with means theta."""
        return diagonal_normal(theta, scale_of(2 * self.log_sigma).expand_as(theta), event_dims=3)
