"""Networks: from a picture to features h, and from a latent z to the parameters of each pixel.

Adding one is a dataclass here and a file with the module it builds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from annotated_types import Ge, Le
from pydantic import Field

from vaelab.errors import UserError
from vaelab.piece import Piece, Tag

if TYPE_CHECKING:
    from torch import nn

    from vaelab.networks.network import Network as NetworkModule
    from vaelab.sizes import Sizes


def _widths(where: str, widths: tuple[int, ...], needed: bool = True) -> None:
    if needed and not widths:
        raise UserError(f"{where} is empty, but needs at least one number of channels")
    if any(width < 1 for width in widths):
        raise UserError(f"{where} is {widths}, but every width must be >= 1")


@dataclass(frozen=True)
class Conv(Piece):
    """Strided convolutions and their transposes: the networks of this project's first study."""

    channels: tuple[int, ...] = (32, 64, 128)
    """Channels after each halving of the picture; all kernels are 4 x 4 but the last, which is 3 x 3."""
    kind: Tag[Literal["conv"]] = field(default="conv", repr=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _widths("Conv.channels", self.channels)

    def build(self, sizes: Sizes) -> NetworkModule:
        """The network with fresh weights."""
        from vaelab.networks.conv import ConvNetwork

        return ConvNetwork(self.channels, sizes)


@dataclass(frozen=True)
class Mlp(Piece):
    """Fully connected layers; with no hidden layers, an affine encoder and decoder."""

    hidden: tuple[int, ...] = (256, 128)
    """Widths of the encoder's layers; the decoder's are these in reverse."""
    kind: Tag[Literal["mlp"]] = field(default="mlp", repr=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _widths("Mlp.hidden", self.hidden, needed=False)

    def build(self, sizes: Sizes) -> NetworkModule:
        """The network with fresh weights."""
        from vaelab.networks.mlp import MlpNetwork

        return MlpNetwork(self.hidden, sizes)


@dataclass(frozen=True)
class Bottleneck(Piece):
    """x + f(x): four convolutions 1x1, 3x3, 3x3, 1x1 with GELU, narrower between (Child 2021, figure 3)."""

    ratio: Annotated[float, Ge(0.25), Le(1)] = 0.5
    """Channels between, as a share of the map's; at least four."""
    kind: Tag[Literal["bottleneck"]] = field(default="bottleneck", repr=False, kw_only=True)

    def build(self, channels: int, depth: int) -> nn.Module:
        """A cell for maps of `channels`, one of `depth` in a stack, with fresh weights: (N, C, H, W) to the same."""
        from vaelab.networks.cells import BottleneckCell

        return BottleneckCell(channels, max(4, round(self.ratio * channels)), depth)


@dataclass(frozen=True)
class Depthwise(Piece):
    """x + f(x): a 5x5 convolution a channel between two of 1x1, squeeze and excitation (Vahdat and Kautz 2020)."""

    factor: Annotated[int, Ge(1)] = 3
    """Channels between, as a multiple of the map's."""
    kind: Tag[Literal["depthwise"]] = field(default="depthwise", repr=False, kw_only=True)

    def build(self, channels: int, depth: int) -> nn.Module:
        """A cell for maps of `channels`, one of `depth` in a stack, with fresh weights: (N, C, H, W) to the same."""
        from vaelab.networks.cells import DepthwiseCell

        return DepthwiseCell(channels, self.factor * channels, depth)


Cell = Annotated[Bottleneck | Depthwise, Field(discriminator="kind")]


# tyro would call it res-net.
@tyro.conf.configure(tyro.conf.subcommand(name="resnet"))
@dataclass(frozen=True)
class ResNet(Piece):
    """Residual networks (He et al. 2016), with one latent vector for the picture or one for each place of a map."""

    channels: tuple[int, ...] = (32, 64, 128)
    """Channels after each halving of the picture; an odd size rounds up."""
    blocks: Annotated[int, Ge(1)] = 1
    """Cells after each halving."""
    cell: Cell = Bottleneck()
    """What the cells are."""
    attention: bool = False
    """Let the places of the smallest map read from one another, in encoder and decoder."""
    spatial: bool = False
    """Keep a map of latents: a vector of the latent's dimensions for each place of the smallest map."""
    kind: Tag[Literal["resnet"]] = field(default="resnet", repr=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _widths("ResNet.channels", self.channels)

    def build(self, sizes: Sizes) -> NetworkModule:
        """The network with fresh weights."""
        from vaelab.networks.resnet import ResNetNetwork

        return ResNetNetwork(self.channels, self.blocks, self.cell, self.attention, self.spatial, sizes)


Network = Annotated[Conv | Mlp | ResNet, Field(discriminator="kind")]

__all__ = ["Bottleneck", "Cell", "Conv", "Depthwise", "Mlp", "Network", "ResNet"]
