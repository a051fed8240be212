"""The precision in which densities are computed."""

from __future__ import annotations

from torch import Tensor


def in_full(values: Tensor) -> Tensor:
    """Numbers of a lower precision as float32: densities are computed in full. float64 stays as it is."""
    return values.float() if values.element_size() < 4 else values
