"""Differences of a network's features."""

from __future__ import annotations

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.data.images import ImageFormat
from vaelab.errors import UserError, reason
from vaelab.frozen import Frozen


class FeaturePenalty(nn.Module):
    """sum_l 1/(2 n_l) |f_l(x) - f_l(y)|^2, n_l the number of features of layer l (Hou et al. 2017).

    Args:
        network: a module of images, which is copied.
        layers: children of an `nn.Sequential`; without any, the output of the network is compared.
        format: of the images.

    Raises:
        UserError: the network is no module, fails on an image, or has no such layers.
    """

    def __init__(self, network: Any, layers: tuple[int, ...], format: ImageFormat) -> None:
        super().__init__()
        if not isinstance(network, nn.Module):
            raise UserError(f"DeepFeatures.network is {network!r}, but must be an nn.Module")
        children = [network]
        if layers:
            children = list(network) if isinstance(network, nn.Sequential) else []
            if max(layers) >= len(children):
                raise UserError(
                    f"DeepFeatures.layers is {layers}, but {type(network).__name__} is no nn.Sequential of more than "
                    f"{max(layers)} children; name others, or none to compare its output"
                )
            # What comes after the last layer is not needed.
            children = children[: max(layers) + 1]
        self.children_of = Frozen(copy.deepcopy(nn.Sequential(*children)))
        self.layers = set(layers or (0,))
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                self.features(torch.zeros(1, *format.shape))
        except Exception as error:
            raise UserError(
                f"DeepFeatures.network is {type(network).__name__}, which for one image of shape {format.shape} raises "
                f"{reason(error)}"
            ) from error

    def features(self, x: Float[Tensor, "N C H W"]) -> list[Tensor]:
        """Outputs of the layers, each flattened to (N, n_l)."""
        found: list[Tensor] = []
        h: Tensor = x
        for number, layer in enumerate(self.children_of.module.children()):
            h = layer(h)
            if number in self.layers:
                found.append(torch.flatten(h, 1))
        return found

    def forward(self, x: Float[Tensor, "N C H W"], y: Float[Tensor, "N C H W"]) -> Float[Tensor, " N"]:
        """The penalty of each pair."""
        pairs = zip(self.features(x), self.features(y), strict=True)
        return torch.stack([(f - g).square().mean(1) / 2 for f, g in pairs]).sum(0)
