"""The Gaussian likelihood with a learned sigma."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.distributions import scale_of
from vaelab.likelihoods.gaussian import NormalPixels


class LearnedGaussianLikelihood(NormalPixels):
    r"""Independent normal pixels or columns with a learned sigma.

    p(x | z) = N(x; theta, sigma^2 I), including the normaliser, with log sigma one parameter for all pixels: Dai and
    Wipf (2019). The negative log-likelihood is lowest where sigma^2 is the mean squared error of a pixel, so the weight
    between reconstruction and KL does not have to be chosen. Training starts at sigma = 0.1, the default of
    `GaussianPixels`; theta = 0 is a black image. For a table it starts at 1, the standard deviation of a column. log
    sigma is bounded by `scale_of`.

    Args:
        dimensions: of x: 3 for images, 1 for rows of a table.
        shape: of log sigma: () for one sigma, that of x for one per pixel or column.
    """

    def __init__(self, dimensions: int = 3, shape: tuple[int, ...] = ()) -> None:
        super().__init__(dimensions)
        self.log_sigma = nn.Parameter(torch.full(shape, math.log(0.1) if dimensions == 3 else 0.0))

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """Independent normal pixels or columns with means theta."""
        return self.normal(theta, scale_of(2 * self.log_sigma).expand_as(theta))
