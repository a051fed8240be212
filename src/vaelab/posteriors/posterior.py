"""What every posterior offers to a model."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.trace import Draw


class Posterior(nn.Module):
    """A module that turns the encoder's features into a distribution over codes and draws from it."""

    @abstractmethod
    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(code | x), of batch shape (B,)."""

    @abstractmethod
    def forward(self, h: Float[Tensor, "B F"], samples: int) -> Draw:
        """`samples` draws of q(code | x), through which gradients flow."""
