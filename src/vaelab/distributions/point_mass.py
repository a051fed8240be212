"""The point mass on one code: the posterior of a model that quantises."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Distribution

from vaelab.distributions.codes import Codes


class PointMass(Codes, Distribution):
    """q(code) = 1 at one code, 0 elsewhere; its KL to p is -log p(code).

    Args:
        codes: integers, (B, slots).
        size: number of values of each code; codes lie in 0 .. size - 1.
        vectors: the vectors that the codes stand for, (B, D).
        levels: codebooks per position; slots are ordered by position, then by level.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self, codes: Int[Tensor, "B slots"], size: int, vectors: Float[Tensor, "B D"], levels: int = 1
    ) -> None:
        self.codes, self.size, self.vectors, self.levels = codes, size, vectors, levels
        super().__init__(torch.Size(codes.shape[:-1]), torch.Size(codes.shape[-1:]), validate_args=False)

    @property
    def mean(self) -> Float[Tensor, "B D"]:
        """The vectors that the codes stand for; indices into a codebook have no mean."""
        return self.vectors

    def sample(self, sample_shape: Any = ()) -> Int[Tensor, "*S B slots"]:
        """The code, repeated to the sample shape."""
        return self.codes.expand(*sample_shape, *self.codes.shape)

    def log_prob(self, value: Int[Tensor, "*S B slots"]) -> Float[Tensor, "*S B"]:
        """0 at the code, -inf elsewhere."""
        hit = (value == self.codes).all(-1)
        return torch.where(hit, 0.0, -torch.inf).to(self.vectors.dtype)
