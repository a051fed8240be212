"""What every network offers to a model."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Network(nn.Module):
    """An encoder trunk and a decoder, each conditional or not.

    `features` is F, the width of h, which the posterior turns into a distribution over z. `positions` is how
    many places of the picture have a latent vector of their own: one, unless the network keeps a map of them.
    With `latent` dimensions a place, z has D = positions x latent of them, place by place.
    """

    features: int
    positions: int = 1

    def head(self, outputs: int) -> nn.Module:
        """A linear layer from h, (B, F), to `outputs` numbers a place, (B, positions x outputs)."""
        return nn.Linear(self.features, outputs)

    @abstractmethod
    def encode(self, x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B F"]:
        """Features h of each picture."""

    @abstractmethod
    def decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N P H W"]:
        """Parameters of the likelihood for each pixel, P channels."""


def with_condition(values: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N DK"]:
    """The condition written behind a vector, such as a label behind z."""
    return values if c is None else torch.cat([values, c], dim=-1)


def as_planes(x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B CK H W"]:
    """The condition written behind a picture's channels, each entry broadcast to a plane of H x W."""
    if c is None:
        return x
    planes = c[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, planes], dim=1)
