"""Networks: from an image to features h, and from a latent z to the parameters of each pixel.

A new one is a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from vaelab.errors import UserError
from vaelab.spec import Spec, any_of

if TYPE_CHECKING:
    from torch import nn

    from vaelab.contract import Network, Sizes


Width = Annotated[int, Ge(1)]


class NetworkSpec(Spec, room=True):
    """Base of the networks."""

    @abstractmethod
    def build(self, sizes: Sizes) -> Network:
        """The network with fresh weights: a `vaelab.contract.Network`."""


class CellSpec(Spec, room=True):
    """Base of the residual cells that networks are stacked from."""

    @abstractmethod
    def build(self, channels: int, depth: int) -> nn.Module:
        """A cell with fresh weights for maps of `channels`, one of `depth` in a stack: (N, C, H, W) to the same."""


@dataclass(frozen=True)
class Conv(NetworkSpec):
    """Strided convolutions and their transposes: the networks of this project's first study."""

    channels: tuple[Width, ...] = (32, 64, 128)
    """Channels after each halving of the image; all kernels are 4 x 4 but the last, which is 3 x 3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise UserError("Conv.channels is empty, but needs at least one number of channels")

    def build(self, sizes: Sizes) -> Network:
        """The network with fresh weights."""
        from vaelab.networks.conv import ConvNetwork

        return ConvNetwork(self.channels, sizes)


@dataclass(frozen=True)
class Mlp(NetworkSpec):
    """Fully connected layers; with no hidden layers, an affine encoder and decoder."""

    hidden: tuple[Width, ...] = (256, 128)
    """Widths of the encoder's layers; the decoder's are these in reverse."""

    def build(self, sizes: Sizes) -> Network:
        """The network with fresh weights."""
        from vaelab.networks.mlp import MlpNetwork

        return MlpNetwork(self.hidden, sizes)


@dataclass(frozen=True)
class Bottleneck(CellSpec):
    """x + f(x): four convolutions 1x1, 3x3, 3x3, 1x1 with GELU, narrower between (Child 2021, figure 3)."""

    ratio: Annotated[float, Ge(0.25), Le(1)] = 0.5
    """Channels between, as a share of the map's; at least four."""

    def build(self, channels: int, depth: int) -> nn.Module:
        """A cell for maps of `channels`, one of `depth` in a stack, with fresh weights: (N, C, H, W) to the same."""
        from vaelab.networks.cells import BottleneckCell

        return BottleneckCell(channels, max(4, round(self.ratio * channels)), depth)


@dataclass(frozen=True)
class Depthwise(CellSpec):
    """x + f(x): a 5x5 convolution a channel between two of 1x1, squeeze and excitation (Vahdat and Kautz 2020)."""

    factor: Annotated[int, Ge(1)] = 3
    """Channels between, as a multiple of the map's."""

    def build(self, channels: int, depth: int) -> nn.Module:
        """A cell for maps of `channels`, one of `depth` in a stack, with fresh weights: (N, C, H, W) to the same."""
        from vaelab.networks.cells import DepthwiseCell

        return DepthwiseCell(channels, self.factor * channels, depth)


AnyCell = Annotated[CellSpec, any_of(CellSpec)]


@dataclass(frozen=True)
class ResNet(NetworkSpec):
    """Residual networks (He et al. 2016), with one latent vector for the image or one for each place of a map."""

    kind: ClassVar[str] = "resnet"

    channels: tuple[Width, ...] = (32, 64, 128)
    """Channels after each halving of the image; an odd size rounds up."""
    blocks: Annotated[int, Ge(1)] = 1
    """Cells after each halving."""
    cell: AnyCell = Bottleneck()
    """What the cells are."""
    attention: bool = False
    """Let the places of the smallest map read from one another, in encoder and decoder."""
    spatial: bool = False
    """Keep a map of latents: a vector of the latent's dimensions for each place of the smallest map."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise UserError("ResNet.channels is empty, but needs at least one number of channels")

    def build(self, sizes: Sizes) -> Network:
        """The network with fresh weights."""
        from vaelab.networks.resnet import ResNetNetwork

        return ResNetNetwork(self.channels, self.blocks, self.cell, self.attention, self.spatial, sizes)


AnyNetwork = Annotated[NetworkSpec, any_of(NetworkSpec)]

__all__ = ["AnyCell", "AnyNetwork", "Bottleneck", "CellSpec", "Conv", "Depthwise", "Mlp", "NetworkSpec", "ResNet"]
