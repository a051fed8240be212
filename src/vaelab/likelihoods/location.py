"""Base of the likelihoods with a location from the decoder and one scale, or one per pixel or column."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.contract import Likelihood
from vaelab.distributions import independent, scale_of


class LocationLikelihood(Likelihood):
    """Independent pixels or columns with the density f((x_i - theta_i) / s_i) / s_i.

    s is given, or log s is a parameter of the model, bounded by `scale_of`. Then training starts at s = 0.1 for images
    and at 1 for tables, whose columns have a standard deviation of 1.

    Args:
        dimensions: of x: 3 for images, 1 for rows of a table.
        shape: of log s: () for one scale, that of x for one per pixel or column.
        scale: s, fixed; None to learn it.
    """

    unbounded = True
    log_scale: Tensor

    def __init__(self, dimensions: int = 3, shape: tuple[int, ...] = (), scale: float | None = None) -> None:
        super().__init__()
        self.dimensions = dimensions
        if scale is None:
            self.log_scale = nn.Parameter(torch.full(shape, math.log(0.1) if dimensions == 3 else 0.0))
        else:
            self.register_buffer("log_scale", torch.tensor(math.log(scale)), persistent=False)

    @abstractmethod
    def density(self, location: Tensor, scale: Tensor) -> Distribution:
        """The density of each pixel or column."""

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """Independent pixels or columns with locations theta."""
        scale = scale_of(2 * self.log_scale).expand_as(theta)
        return independent(self.density(theta, scale), self.dimensions)

    def parameters_of(self, mean: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """The mean itself: every density is symmetric about its location."""
        return mean
