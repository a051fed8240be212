"""The residual network, with one latent vector per image or one for each position of a map."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.contract import Network
from vaelab.networks import CellSpec
from vaelab.networks.attention import SelfAttention
from vaelab.networks.conditions import as_planes, with_condition
from vaelab.sizes import Sizes


class ResNetNetwork(Network):
    """Residual cells between convolutions that halve the image, and the reverse for the decoder (He et al. 2016).

    For 28 x 28 grey images and channels (32, 64, 128)::

        encoder  Conv 3x3 s2 -> 32 x 14 x 14, cells, -> 64 x 7 x 7, cells, -> 128 x 4 x 4, cells
        decoder  Linear D -> 128 x 4 x 4, cells, nearest and Conv 3x3 -> 64 x 7 x 7, cells, -> 32 x 14 x 14,
                 cells, -> 32 x 28 x 28, Conv 3x3 -> 1 x 28 x 28

    with GELU before every convolution outside the cells, except on the image and on z. Halving rounds up, and the
    decoder upsamples to the exact size of each stage, so images may have any size. The condition is appended to the
    image as planes, and to z.

    A `spatial` network has a map of latents: a vector of `sizes.latent` dimensions for each of the h x w positions of
    the coarsest stage. Positions are in row-major order, and flat vectors are ordered by position::

        h[position * channels + i]      head(outputs)(h)[position * outputs + i]      z[position * latent + i]

    Args:
        channels: number of channels after each halving, from the image inwards.
        blocks: number of cells after each halving.
        cell: the spec of the cells.
        attention: self-attention between the positions of the coarsest stage, in encoder and decoder.
        spatial: a map of latents instead of one vector per image.
        sizes: the sizes that the network is built for.
    """

    def __init__(
        self, channels: tuple[int, ...], blocks: int, cell: CellSpec, attention: bool, spatial: bool, sizes: Sizes
    ) -> None:
        super().__init__()
        colours, height, width = sizes.image
        deepest, depth = channels[-1], blocks * len(channels)

        # Height and width before the first stage and after each stage.
        extents = [(height, width)]
        for _ in channels:
            extents.append(((extents[-1][0] + 1) // 2, (extents[-1][1] + 1) // 2))
        self.map = (*extents[-1], deepest)
        self.features = self.map[0] * self.map[1] * deepest
        self.spatial = spatial
        if spatial:
            self.positions = self.map[0] * self.map[1]

        def cells(width: int) -> list[nn.Module]:
            return [cell.build(width, depth) for _ in range(blocks)]

        def attention_layers() -> list[nn.Module]:
            return [SelfAttention(deepest)] if attention else []

        down: list[nn.Module] = []
        for wide, deep in pairwise((colours + sizes.condition, *channels)):
            down += [nn.GELU(), nn.Conv2d(wide, deep, 3, stride=2, padding=1), *cells(deep)]
        # No GELU on the pixels.
        self.down = nn.Sequential(*down[1:], *attention_layers(), nn.GELU())

        entry = sizes.latent + sizes.condition
        self.begin = nn.Conv2d(entry, deepest, 3, padding=1) if spatial else nn.Linear(entry, self.features)

        up = [*cells(deepest), *attention_layers()]
        for stage in reversed(range(len(channels))):
            thin = channels[max(stage - 1, 0)]
            up += [nn.GELU(), nn.Upsample(extents[stage]), nn.Conv2d(channels[stage], thin, 3, padding=1)]
            up += cells(thin) if stage else []
        self.up = nn.Sequential(*up, nn.GELU(), nn.Conv2d(channels[0], sizes.parameters, 3, padding=1))

        # With torch's default weights, differences between images shrink by two thirds per stage; those of He et al.
        # (2015) preserve them.
        for layer in [*self.down, *self.up]:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

        # Convolutions in bf16 are fastest in the channels-last layout, on CPUs and on GPUs.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def head(self, outputs: int) -> nn.Module:
        """A linear layer from h, (B, F), to `outputs` numbers per position, (B, positions x outputs).

        In a spatial network all positions share its weights, as in a 1x1 convolution.
        """
        if not self.spatial:
            return super().head(outputs)
        shape = (self.positions, self.map[-1])
        return nn.Sequential(nn.Unflatten(1, shape), nn.Linear(self.map[-1], outputs), nn.Flatten())

    def encode(self, x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B F"]:
        """Features h of each image, ordered by position."""
        h = self.down(as_planes(x, c).contiguous(memory_format=torch.channels_last))
        # In the channels-last layout memory already has this order, so nothing is copied.
        return torch.flatten(h.permute(0, 2, 3, 1), 1)

    def decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N P H W"]:
        """Parameters of the likelihood for each pixel."""
        if self.spatial:
            latents = z.unflatten(1, (*self.map[:2], -1)).permute(0, 3, 1, 2)
            h = self.begin(as_planes(latents, c).contiguous(memory_format=torch.channels_last))
        else:
            h = self.begin(with_condition(z, c)).unflatten(1, self.map).permute(0, 3, 1, 2)
        theta: Tensor = self.up(h)
        return theta
