"""The precision in which densities are computed."""

from __future__ import annotations

import torch
from torch import Tensor


def as_float32(values: Tensor) -> Tensor:
    """Cast float16 and bfloat16 to float32, which densities need; return float32 and float64 unchanged."""
    return values.float() if values.element_size() < 4 else values


def as_float64(values: Tensor) -> Tensor:
    """Cast to float64, for small differences of large numbers; unchanged on Apple's GPUs, which have none."""
    return values if values.device.type == "mps" else values.double()


def no_autocast(values: Tensor | None) -> torch.autocast:
    """A context that turns autocast off, for layers that are part of a density, on the device of `values`."""
    device = "cpu" if values is None else values.device.type
    return torch.autocast(device, enabled=False)
