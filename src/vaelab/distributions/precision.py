"""The precision in which densities are computed."""

from __future__ import annotations

import torch
from torch import Tensor


def as_float32(values: Tensor) -> Tensor:
    """Numbers of a lower precision as float32: densities are computed in full. float64 stays as it is."""
    return values.float() if values.element_size() < 4 else values


def no_autocast(values: Tensor | None) -> torch.autocast:
    """The context in which layers that are part of a density compute, even amid a network in bf16."""
    device = "cpu" if values is None else values.device.type
    return torch.autocast(device, enabled=False)
