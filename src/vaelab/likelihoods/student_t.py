"""The Student-t likelihood with a learned scale."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.contract import Likelihood
from vaelab.distributions import independent, scale_of


class StudentTLikelihood(Likelihood):
    r"""Independent Student-t pixels or columns.

    p(x | z) = prod_i t_nu((x_i - theta_i) / s_i) / s_i, with log s learned: Takahashi, Iwata, Yamanaka, Yamada and Yagi
    (2018), section 4, where s is an output of the decoder instead. An outlier costs log(1 + e^2 / nu) instead of the
    e^2 of a normal, so that it does not decide the fit. log s is bounded by `scale_of`.

    Args:
        degrees: nu > 1, so that the mean theta exists.
        dimensions: of x: 3 for images, 1 for rows of a table.
        shape: of log s: () for one scale, that of x for one per pixel or column.
    """

    unbounded = True

    def __init__(self, degrees: float, dimensions: int = 3, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.degrees, self.dimensions = degrees, dimensions
        self.log_scale = nn.Parameter(torch.full(shape, math.log(0.1) if dimensions == 3 else 0.0))

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """Independent Student-t pixels or columns with means theta."""
        scale = scale_of(2 * self.log_scale).expand_as(theta)
        t = torch.distributions.StudentT(theta.new_tensor(self.degrees), theta, scale, validate_args=False)
        return independent(t, self.dimensions)
