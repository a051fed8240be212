"""The convolutional network of the first study, for any image size and number of channels."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu

from vaelab.contract import Network
from vaelab.errors import UserError
from vaelab.networks.conditions import as_planes, with_condition
from vaelab.networks.transposed import TransposedConv2d
from vaelab.sizes import Sizes


def _kernel(layer: int, layers: int) -> int:
    """Kernel size: 4, except in the innermost layer, where 3 takes 7 pixels to 4."""
    return 3 if layer == layers - 1 else 4


class ConvNetwork(Network):
    """Convolutions of stride 2 down to a few pixels, and transposed convolutions back.

    For 28 x 28 grey images and channels (32, 64, 128), as in the study::

        encoder  Conv 4x4 s2 -> 32 x 14 x 14, Conv 4x4 s2 -> 64 x 7 x 7, Conv 3x3 s2 -> 128 x 4 x 4,
                 each with ReLU, flattened to 2048 features
        decoder  Linear D -> 2048, ConvT 3x3 s2 -> 64 x 7 x 7, ConvT 4x4 s2 -> 32 x 14 x 14, each with ReLU,
                 ConvT 4x4 s2 -> 1 x 28 x 28

    Other sizes are rounded down at each 4 x 4 layer, and the decoder pads its outputs to the same sizes. The condition
    is appended to the image as planes, and to z.

    Args:
        channels: number of channels after each halving, from the image inwards.
        sizes: the sizes that the network is built for.

    Raises:
        UserError: the image is too small to be halved once per layer.
    """

    def __init__(self, channels: tuple[int, ...], sizes: Sizes) -> None:
        super().__init__()
        depth = len(channels)
        colours, height, width = sizes.image

        # Height and width before the first layer and after each layer.
        extents = [(height, width)]
        for layer in range(depth):
            kernel = _kernel(layer, depth)
            extents.append(tuple((n + 2 - kernel) // 2 + 1 for n in extents[-1]))  # type: ignore[arg-type]
        if min(extents[-1]) < 1:
            raise UserError(
                f"Conv.channels is {channels}: an image of {height} x {width} pixels cannot be halved "
                f"{depth} times; give fewer channels or larger images"
            )

        down: list[nn.Module] = []
        for layer, (wide, deep) in enumerate(pairwise((colours + sizes.condition, *channels))):
            down += [nn.Conv2d(wide, deep, _kernel(layer, depth), stride=2, padding=1), nn.ReLU(inplace=True)]
        self.down = nn.Sequential(*down)

        self.base = (channels[-1], *extents[-1])
        self.features = self.base[0] * self.base[1] * self.base[2]
        self.expand = nn.Linear(sizes.latent + sizes.condition, self.features)

        up: list[nn.Module] = []
        for layer in reversed(range(depth)):
            thin = channels[layer - 1] if layer else sizes.parameters
            up += [
                TransposedConv2d(channels[layer], thin, _kernel(layer, depth), extents[layer]),
                nn.ReLU(inplace=True),
            ]
        self.up = nn.Sequential(*up[:-1])

        # Convolutions in bf16 are fastest in the channels-last layout, on CPUs and on GPUs.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B F"]:
        """Features h of each image."""
        x = as_planes(x, c).contiguous(memory_format=torch.channels_last)
        return torch.flatten(self.down(x), 1)

    def decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N P H W"]:
        """Parameters of the likelihood for each pixel."""
        h = relu(self.expand(with_condition(z, c))).unflatten(1, self.base)
        theta: Tensor = self.up(h.contiguous(memory_format=torch.channels_last))
        return theta
