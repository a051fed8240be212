"""What every likelihood offers to a model."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution


class Likelihood(nn.Module):
    """A module that turns the decoder's output theta into a distribution over a picture.

    Pictures are in [0, 1]. A fresh decoder gives theta near 0, which is a sane start for every likelihood.
    `binary` says that it is a density of binary pixels alone, `linear` that `of_pairs` is a product of matrices.
    """

    binary: bool = False
    linear: bool = False

    @abstractmethod
    def forward(self, theta: Float[Tensor, "*N P H W"]) -> Distribution:
        """p(x | z), whose event is a picture of (C, H, W)."""

    def of_pairs(self, p: Distribution, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "G N"]:
        """log p(x_n | z_g) of every picture under every distribution, nats.

        Args:
            p: what `forward` gave for G codes.
            x: pictures in [0, 1].
        """
        return torch.stack([p.log_prob(picture) for picture in x], 1)

    # Not `parameters`, which is what torch calls the weights of a module.
    def outputs(self, channels: int) -> int:
        """P, how many channels theta has in all for a picture of `channels` channels."""
        return channels

    def discrete(self, binary: bool) -> bool:
        """Whether p(x | z) is a mass on discrete pixels, binary or not: only then are there bits per dimension."""
        return False

    def score_name(self, binary: bool) -> str:
        """What -log_prob is called on pictures that are binary or not."""
        return "cross-entropy" if self.binary and not binary else "negative log-likelihood"
