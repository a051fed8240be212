"""The categorical likelihood, a softmax over the 256 values of a pixel."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, constraints

from vaelab.contract import Likelihood
from vaelab.likelihoods.levels import LEVELS, to_levels, to_pixels


class CategoricalLikelihood(Likelihood):
    r"""Independent pixels and channels, each with a softmax over its 256 values.

    p(x | z) = prod_i softmax(theta_i)[round(255 x_i)], over pixels and channels i: the softmax of van den Oord,
    Kalchbrenner and Kavukcuoglu (2016), section 2.2, here with channels that are independent given z. The order of
    the values is not used. theta has 256 channels per channel of the image. At theta = 0 all values are equally
    likely, 8 bits per dimension, and the mean is mid-grey.
    """

    def forward(self, theta: Float[Tensor, "*N P H W"]) -> Distribution:
        """Independent pixels and channels."""
        return CategoricalImage(theta.unflatten(-3, (-1, LEVELS)))

    def outputs(self, channels: int) -> int:
        """P = 256 C."""
        return LEVELS * channels

    def discrete(self, binary: bool) -> bool:
        """True: a probability mass on 256 values."""
        return True


class CategoricalImage(Distribution):
    """Independent pixels and channels, each one of 256 values from 0 to 1.

    Args:
        logits: unnormalised log probabilities of the values.
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.independent(constraints.unit_interval, 3)

    def __init__(self, logits: Float[Tensor, "*N C 256 H W"]) -> None:
        self.log_mass = logits.log_softmax(-3)
        super().__init__(logits.shape[:-4], logits.shape[-4:-3] + logits.shape[-2:], validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> CategoricalImage:
        """The same distribution, expanded to a larger batch."""
        return CategoricalImage(self.log_mass.expand(*batch_shape, *self.log_mass.shape[-4:]))

    def log_prob(self, value: Float[Tensor, "*N C H W"]) -> Tensor:
        """Log probability of each image, nats; a pixel is rounded to the nearest of the 256 values."""
        level = to_levels(value).long().expand(torch.broadcast_shapes(value.shape, self.batch_shape + self.event_shape))
        return torch.take_along_dim(self.log_mass, level.unsqueeze(-3), -3).squeeze(-3).sum((-3, -2, -1))

    @property
    def mean(self) -> Float[Tensor, "*N C H W"]:
        """The expected image."""
        values = to_pixels(torch.arange(LEVELS, dtype=self.log_mass.dtype, device=self.log_mass.device))
        return (self.log_mass.exp() * values[:, None, None]).sum(-3)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Float[Tensor, "*N C H W"]:
        """Images drawn at random."""
        levels = Categorical(logits=self.log_mass.movedim(-3, -1), validate_args=False).sample(sample_shape)
        return to_pixels(levels.to(self.log_mass.dtype))
