"""The condition of an image as an input of a network."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def with_condition(values: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N DK"]:
    """The condition written behind a vector, such as a label behind z."""
    return values if c is None else torch.cat([values, c], dim=-1)


def as_planes(x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B CK H W"]:
    """The condition written behind an image's channels, each entry broadcast to a plane of H x W."""
    if c is None:
        return x
    planes = c[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, planes], dim=1)
