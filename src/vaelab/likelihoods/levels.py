"""Conversion between pixels in [0, 1] and the 256 values of a stored pixel."""

from __future__ import annotations

from torch import Tensor

LEVELS = 256


def to_levels(x: Tensor) -> Tensor:
    """Convert pixels in [0, 1] to whole numbers from 0 to 255, in the floating type of x."""
    return (x * (LEVELS - 1)).round()


def to_pixels(levels: Tensor) -> Tensor:
    """Convert whole numbers from 0 to 255 to pixels in [0, 1]."""
    return levels / (LEVELS - 1)
