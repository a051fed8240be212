"""What every likelihood offers to a model."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution


class Likelihood(nn.Module):
    """A module that turns the decoder's output into a distribution over a picture.

    `parameters_per_pixel` is P, the channels it takes for each channel of the picture. `binary` says that it
    is a density of binary pixels alone.
    """

    parameters_per_pixel: int = 1
    binary: bool = False

    @abstractmethod
    def forward(self, theta: Float[Tensor, "*N PC H W"]) -> Distribution:
        """p(x | z), whose event is a picture of (C, H, W)."""

    def score_name(self, binary: bool) -> str:
        """What -log_prob is called on pictures that are binary or not."""
        return "cross-entropy" if self.binary and not binary else "negative log-likelihood"
