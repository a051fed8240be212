"""The likelihood of PixelCNN++: mixtures of discretised logistics."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Likelihood
from vaelab.likelihoods.logistic_mixture import LogisticMixture

# At theta = 0 the scale is a tenth of the range from black to white, which is 2 in `LogisticMixture`.
_LOG_SCALE = math.log(0.2)
# Largest change of the log scale. Scales lie between 0.0009, where one bin has nearly all the mass, and 44.
_REACH = 5.4


class DiscretisedLogisticLikelihood(Likelihood):
    r"""A mixture of K logistics per pixel, discretised to its 256 values.

    Salimans, Karpathy, Chen and Kingma (2017), section 2; `LogisticMixture` has the equation. A pixel is read as
    round(255 x), so x in [0, 1] is a stored image and -log2 p(x | z) its code length in bits.

    theta holds, for each of K components, a logit, C locations, C log scales and C (C - 1) / 2 coefficients.
    At theta = 0 components have equal weights, their locations are spread evenly from black to white (a single
    one is at mid-grey), their scale is a tenth of that range, and channels do not depend on each other. theta is
    added to these locations. Log scales are their value at theta = 0 plus 5.4 tanh(theta / 5.4), a smooth bound
    similar to the clamp at -7 in the paper's code. Coefficients are tanh(theta), as in that code.

    Args:
        components: K, number of logistics.
        channels: C of an image.
    """

    centres: Tensor

    def __init__(self, components: int, channels: int) -> None:
        super().__init__()
        self.components, self.channels = components, channels
        centres = (2 * torch.arange(components) + 1) / components - 1
        self.register_buffer("centres", centres[:, None, None, None], persistent=False)

    def forward(self, theta: Float[Tensor, "*N P H W"]) -> Distribution:
        """The mixture of each pixel."""
        c = self.channels
        parts = theta.unflatten(-3, (self.components, -1)).split([1, c, c, c * (c - 1) // 2], -3)
        logits, location, log_scale, coefficients = parts
        scale = (_LOG_SCALE + _REACH * torch.tanh(log_scale / _REACH)).exp()
        return LogisticMixture(logits.squeeze(-3), location + self.centres, scale, coefficients.tanh())

    def outputs(self, channels: int) -> int:
        """P = K (1 + 2 C + C (C - 1) / 2)."""
        return self.components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def discrete(self, binary: bool) -> bool:
        """True: a probability mass on 256 values."""
        return True
