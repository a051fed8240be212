"""The base class of distributions over discrete codes."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Codes:
    """A distribution over `slots` integers below `size`, ordered by position, then by level."""

    size: int
    """Number of values of each code."""
    levels: int
    """Codes per position, each with vectors of its own."""
    codes: Int[Tensor, "B slots"]
    """The most likely codes."""

    @property
    def mean(self) -> Float[Tensor, "B D"]:
        """The mean of the vectors that the codes stand for; indices into a codebook have no mean."""
        raise NotImplementedError

    def counts(self, codes: Int[Tensor, "... slots"]) -> Int[Tensor, "levels size"]:
        """Number of times that codes drawn from it have each value, level by level."""
        level = torch.arange(codes.shape[-1], device=codes.device) % self.levels
        counts: Tensor = (codes + level * self.size).flatten().bincount(minlength=self.levels * self.size)
        return counts.view(self.levels, self.size)
