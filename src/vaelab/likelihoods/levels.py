"""The 256 values of a stored pixel, for likelihoods that are masses on them."""

from __future__ import annotations

from torch import Tensor

LEVELS = 256


def to_levels(x: Tensor) -> Tensor:
    """Pixels in [0, 1] as whole numbers from 0 to 255, in x's own floating type."""
    return (x * (LEVELS - 1)).round()


def to_pixels(levels: Tensor) -> Tensor:
    """Whole numbers from 0 to 255 as pixels in [0, 1]."""
    return levels / (LEVELS - 1)
