"""The condition as an input of a network."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def with_condition(values: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N DK"]:
    """Append the condition to a vector, such as z; without a condition, return the vector unchanged."""
    return values if c is None else torch.cat([values, c], dim=-1)


def as_planes(x: Float[Tensor, "B C *space"], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B CK *space"]:
    """Append the condition to the channels of an image, each entry broadcast to a plane of H x W, or to a vector."""
    if c is None:
        return x
    planes = c[(..., *[None] * (x.ndim - 2))].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, planes], dim=1)
