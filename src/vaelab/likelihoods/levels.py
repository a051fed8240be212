"""Pixels in [0, 1] and the 256 values of a stored pixel, and the mass of a value under a logistic."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

LEVELS = 256


def inside(x: Tensor) -> Tensor:
    """Pixels in [0, 1], drawn in by half a grey level: (255 x + 1/2) / 256, the middle of one of 256 equal parts."""
    return ((LEVELS - 1) * x + 0.5) / LEVELS


def to_levels(x: Tensor) -> Tensor:
    """Convert pixels in [0, 1] to whole numbers from 0 to 255, in the floating type of x."""
    return (x * (LEVELS - 1)).round()


def to_pixels(levels: Tensor) -> Tensor:
    """Convert whole numbers from 0 to 255 to pixels in [0, 1]."""
    return levels / (LEVELS - 1)


def log_logistic_mass(above: Tensor, below: Tensor, width: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    """log [F(above) - F(below)], F the logistic function: the mass of a bin, nats.

    Computed as a product, F(b) - F(a) = F(b) F(-a) (1 - e^(a - b)), whose log stays finite in floating point for any
    bounds.

    Args:
        above: the upper bound of the bin.
        below: its lower bound.
        width: above - below, positive; given, since the difference of two large bounds is not exact.
        lowest: whether the bin is open below; `below` does not count then.
        highest: whether it is open above; `above` does not count then.
    """
    log_mass = torch.where(highest, 0.0, logsigmoid(above)) + torch.where(lowest, 0.0, logsigmoid(-below))
    return log_mass + torch.where(lowest | highest, 0.0, (-torch.expm1(-width)).log())
