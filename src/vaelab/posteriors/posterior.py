"""What every posterior offers to a model."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.sizes import Codes
from vaelab.trace import Draw


class Posterior(nn.Module):
    """A module that turns the encoder's features into a distribution over codes and draws from it.

    `codes` says how many integers a code has and below what, for posteriors whose codes are discrete.
    """

    codes: Codes | None = None

    @abstractmethod
    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(code | x), of batch shape (B,)."""

    def forward(self, h: Float[Tensor, "B F"], samples: int) -> Draw:
        """`samples` draws of q(code | x), through which gradients flow."""
        q = self.distribution(h)
        z = q.rsample((samples,))
        return Draw(q=q, code=z, z=z)

    def read(self, codes: Tensor) -> Float[Tensor, "N D"]:
        """What the decoder reads for codes: themselves, unless they number the vectors of a codebook."""
        return codes
