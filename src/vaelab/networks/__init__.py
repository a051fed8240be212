"""Networks: from an image to features h, and from a latent z to the parameters of each pixel.

A new one is a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le

from vaelab.errors import UserError
from vaelab.spec import Spec, any_of, qualified_name

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


@dataclass(frozen=True)
class Modules(NetworkSpec):
    """Two `nn.Module`s as encoder and decoder, for Python; a file keeps their weights and the names of their classes.

    The encoder takes images (B, C, H, W) and returns features, (B, F) or any shape that is flattened to it. The decoder
    takes z and returns the parameters of each pixel, (N, P, H, W) or flattened, before any sigmoid. Both are copied
    when a model is built. Conditional models: see `vaelab.networks.modules.ModulesNetwork`.

    >>> from torch import nn
    >>> encoder, decoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU()), nn.Linear(2, 64)
    >>> Modules(encoder, decoder)
    Modules(encoder_name='torch.nn.modules.container:Sequential', decoder_name='torch.nn.modules.linear:Linear')
    """

    encoder: Any = field(default=None, repr=False, compare=False, metadata={"json": False})
    """An `nn.Module`, or a function of `vaelab.Sizes` that makes one."""
    decoder: Any = field(default=None, repr=False, compare=False, metadata={"json": False})
    """An `nn.Module`, or a function of `vaelab.Sizes` that makes one."""
    features: Annotated[int, Ge(1)] | None = field(default=None, repr=False)
    """F, numbers in the encoder's output; None to read it off."""
    encoder_name: str = ""
    """Class of the encoder, filled in."""
    decoder_name: str = ""
    """Class of the decoder, filled in."""
    python_only: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("encoder", "decoder"):
            part = getattr(self, name)
            if part is not None:
                if not callable(part) or isinstance(part, type):
                    raise UserError(
                        f"{name} is {part!r}, but must be an nn.Module, or a function of the sizes that makes one"
                    )
                object.__setattr__(self, f"{name}_name", qualified_name(part))

    def build(self, sizes: Sizes) -> Network:
        """The network with copies of the two modules.

        Raises:
            UserError: the modules are missing, as after reading a file, or do not fit the sizes.
        """
        if self.encoder is None or self.decoder is None:
            raise UserError(
                f"the model needs its own modules, {self.encoder_name or 'an encoder'} and "
                f"{self.decoder_name or 'a decoder'}, which no file holds; give them in Python, such as "
                "vl.load(path, modules=(encoder, decoder))"
            )
        from vaelab.networks.modules import ModulesNetwork

        return ModulesNetwork(self.encoder, self.decoder, self.features, sizes)


AnyNetwork = Annotated[NetworkSpec, any_of(NetworkSpec)]

__all__ = [
    "AnyCell",
    "AnyNetwork",
    "Bottleneck",
    "CellSpec",
    "Conv",
    "Depthwise",
    "Mlp",
    "Modules",
    "NetworkSpec",
    "ResNet",
]
