"""What every network offers to a model."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Sizes(NamedTuple):
    """What a network is built for: numbers of pixels, channels and dimensions."""

    image: tuple[int, int, int]
    """(C, H, W) of a picture."""
    latent: int
    """D, dimensions of z."""
    condition: int
    """K, dimensions of the condition; 0 where there is none."""
    parameters: int
    """P, parameters that the likelihood takes for each pixel and channel."""


class Network(nn.Module):
    """An encoder trunk and a decoder, each conditional or not.

    `features` is F, the width of h, which the posterior turns into a distribution over z.
    """

    features: int

    @abstractmethod
    def encode(self, x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B F"]:
        """Features h of each picture."""

    @abstractmethod
    def decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N PC H W"]:
        """Parameters of the likelihood for each pixel, P C channels."""


def with_condition(values: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N DK"]:
    """The condition written behind a vector, such as a label behind z."""
    return values if c is None else torch.cat([values, c], dim=-1)


def as_planes(x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B CK H W"]:
    """The condition written behind a picture's channels, each entry broadcast to a plane of H x W."""
    if c is None:
        return x
    planes = c[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, planes], dim=1)
