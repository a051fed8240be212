"""Networks: an encoder from images to features h, a decoder from latents z to the likelihood's parameters.

To add one, write a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import tyro
from annotated_types import Ge, Le

from vaelab.data import DataFormat, TableFormat
from vaelab.errors import UserError
from vaelab.spec import Spec, any_of, qualified_name

if TYPE_CHECKING:
    from torch import nn

    from vaelab.contract import Network
from vaelab.sizes import Sizes

Width = Annotated[int, Ge(1)]


class NetworkSpec(Spec, room=True):
    """Base of the network specs."""

    accepts: ClassVar[str] = "two modules as vaelab.Modules(encoder, decoder)"
    tables: ClassVar[bool] = False
    """Whether it takes rows of a table, (B, F), and not images alone."""

    def check(self, format: DataFormat) -> None:
        """Check that the network takes such data.

        Raises:
            UserError: rows of a table for a network of images.
        """
        if isinstance(format, TableFormat) and not self.tables:
            raise UserError(
                f"network is {type(self).__name__}, which takes images, but the data are rows of a table",
                python="choose another, such as vaelab.Mlp()",
                flags="choose another, such as network:mlp",
            )

    @abstractmethod
    def build(self, sizes: Sizes) -> Network:
        """Build the network, a `vaelab.contract.Network` with fresh weights."""


class CellSpec(Spec, room=True):
    """Base of the specs of residual cells."""

    @abstractmethod
    def build(self, channels: int, depth: int) -> nn.Module:
        """Build one of `depth` stacked cells with fresh weights: from (N, channels, H, W) to the same shape."""


@dataclass(frozen=True)
class AutoencoderKl(NetworkSpec):
    """Autoencoder of latent diffusion, with a latent vector per position of a map (Rombach et al. 2022, appendix G).

    Residual blocks, and attention on the coarsest map. The defaults are those of the published f4 autoencoder; four
    levels make f8. `vaelab.export_diffusers` writes a trained one in the layout that diffusers' `AutoencoderKL` loads.
    """

    channels: tuple[Width, ...] = (128, 256, 512)
    """Channels of each level, from the image inwards; between two levels the map is halved."""
    blocks: Annotated[int, Ge(1)] = 2
    """Residual blocks per level of the encoder; the decoder has one more."""
    groups: Annotated[int, Ge(1)] = 32
    """Groups of channels that are normalised together."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise UserError("AutoencoderKl.channels is empty, but needs at least one number of channels")
        for width in self.channels:
            # A group of one channel is zero on a map of one place, and passes no gradient.
            if width % self.groups or width < 2 * self.groups:
                raise UserError(
                    f"AutoencoderKl.channels has {width}, but groups is {self.groups}: each must be a multiple of it, "
                    f"at least {2 * self.groups}; change one of them"
                )

    def build(self, sizes: Sizes) -> Network:
        """Build the network, with fresh weights.

        Raises:
            UserError: the image is too small to be halved between levels.
        """
        from vaelab.networks.autoencoder_kl import AutoencoderKlNetwork

        return AutoencoderKlNetwork(self.channels, self.blocks, self.groups, sizes)


@dataclass(frozen=True)
class Conv(NetworkSpec):
    """Convolutional network with strided convolutions and their transposes, that of this project's first study."""

    channels: tuple[Width, ...] = (32, 64, 128)
    """Channels after each halving of the image; kernels are 4 x 4, the last 3 x 3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise UserError("Conv.channels is empty, but needs at least one number of channels")

    def build(self, sizes: Sizes) -> Network:
        """Build the network, with fresh weights.

        Raises:
            UserError: the image is too small to be halved once per layer.
        """
        from vaelab.networks.conv import ConvNetwork

        return ConvNetwork(self.channels, sizes)


@dataclass(frozen=True)
class Mlp(NetworkSpec):
    """Fully connected network (Kingma and Welling 2014, appendix C); affine without hidden layers."""

    hidden: tuple[Width, ...] = (256, 128)
    """Widths of the encoder's hidden layers; the decoder's are these in reverse."""
    tables: ClassVar[bool] = True

    def build(self, sizes: Sizes) -> Network:
        """Build the network, with fresh weights."""
        from vaelab.networks.mlp import MlpNetwork

        return MlpNetwork(self.hidden, sizes)


@dataclass(frozen=True)
class Bottleneck(CellSpec):
    """Bottleneck cell, x + f(x) with convolutions 1x1, 3x3, 3x3, 1x1 and GELU (Child 2021, figure 3)."""

    ratio: Annotated[float, Ge(0.25), Le(1)] = 0.5
    """Inner channels as a share of the map's; at least four."""

    def build(self, channels: int, depth: int) -> nn.Module:
        """Build one of `depth` stacked cells with fresh weights: from (N, channels, H, W) to the same shape."""
        from vaelab.networks.cells import BottleneckCell

        return BottleneckCell(channels, max(4, round(self.ratio * channels)), depth)


@dataclass(frozen=True)
class Depthwise(CellSpec):
    """Depthwise-separable cell, x + f(x) with a 5x5 depthwise convolution (Vahdat and Kautz 2020, figure 3a)."""

    factor: Annotated[int, Ge(1)] = 3
    """Inner channels as a multiple of the map's."""

    def build(self, channels: int, depth: int) -> nn.Module:
        """Build one of `depth` stacked cells with fresh weights: from (N, channels, H, W) to the same shape."""
        from vaelab.networks.cells import DepthwiseCell

        return DepthwiseCell(channels, self.factor * channels, depth)


AnyCell = Annotated[CellSpec, any_of(CellSpec)]


@dataclass(frozen=True)
class ResNet(NetworkSpec):
    """Residual network, with one latent vector per image or a map of latent vectors (He et al. 2016)."""

    kind: ClassVar[str] = "resnet"

    channels: tuple[Width, ...] = (32, 64, 128)
    """Channels after each halving of the image; odd sizes round up."""
    blocks: Annotated[int, Ge(1)] = 1
    """Number of cells after each halving."""
    cell: AnyCell = Bottleneck()
    """The residual cell."""
    attention: bool = False
    """Self-attention between the positions of the smallest map, in encoder and decoder."""
    spatial: bool = False
    """A latent vector for each position of the smallest map, instead of one per image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise UserError("ResNet.channels is empty, but needs at least one number of channels")

    def build(self, sizes: Sizes) -> Network:
        """Build the network, with fresh weights."""
        from vaelab.networks.resnet import ResNetNetwork

        return ResNetNetwork(self.channels, self.blocks, self.cell, self.attention, self.spatial, sizes)


@dataclass(frozen=True)
class Modules(NetworkSpec):
    """Two `nn.Module`s as encoder and decoder, for use in Python; files hold their weights and class names only.

    The encoder takes images, (B, C, H, W), or rows of a table, (B, F), and returns features, (B, F) or a shape that is
    flattened to it. The decoder takes z and returns the likelihood's parameters, (N, P, H, W) or flattened, before any
    sigmoid. Both are copied when a model is built. For conditional models see
    `vaelab.networks.modules.ModulesNetwork`.

    With `frozen` the encoder is a pretrained one that stays as it is, and what is trained is the posterior's heads on
    its features and the decoder: a representation autoencoder (Zheng et al. 2025). It is saved with the model.

    >>> from torch import nn
    >>> encoder, decoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU()), nn.Linear(2, 64)
    >>> Modules(encoder, decoder)
    Modules(encoder_name='torch.nn.modules.container:Sequential', decoder_name='torch.nn.modules.linear:Linear')
    """

    encoder: Any = field(default=None, repr=False, compare=False, metadata={"json": False})
    """An `nn.Module`, or a function of `vaelab.Sizes` that returns one."""
    decoder: Any = field(default=None, repr=False, compare=False, metadata={"json": False})
    """An `nn.Module`, or a function of `vaelab.Sizes` that returns one."""
    features: Annotated[int, Ge(1)] | None = field(default=None, repr=False)
    """F, width of the encoder's output; None to infer it."""
    frozen: bool = field(default=False, repr=False)
    """The encoder's weights take no gradient, and it stays in evaluation mode."""
    encoder_name: str = ""
    """Class of the encoder; set automatically."""
    decoder_name: str = ""
    """Class of the decoder; set automatically."""
    python_only: ClassVar[bool] = True
    tables: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("encoder", "decoder"):
            part = getattr(self, name)
            if part is not None:
                if not callable(part) or isinstance(part, type):
                    raise UserError(
                        f"{name} is {part!r}, but must be an nn.Module, or a function of the sizes that returns one"
                    )
                object.__setattr__(self, f"{name}_name", qualified_name(part))

    def build(self, sizes: Sizes) -> Network:
        """Build the network, with copies of the two modules.

        Raises:
            UserError: the modules do not fit the sizes, or are missing because the spec was read from a file.
        """
        if self.encoder is None or self.decoder is None:
            raise UserError(
                f"the model needs its own modules, {self.encoder_name or 'an encoder'} and "
                f"{self.decoder_name or 'a decoder'}, which files cannot hold; pass them in Python, such as "
                "vl.load(path, modules=(encoder, decoder))"
            )
        from vaelab.networks.modules import ModulesNetwork

        return ModulesNetwork(self.encoder, self.decoder, self.features, sizes, self.frozen)


@dataclass(frozen=True)
class Spectral(NetworkSpec):
    """Another network, its decoder's weights divided by their spectral norms (Miyato et al. 2018, section 2.1).

    W / sigma(W) in every linear layer and convolution that the decoder alone uses; with ReLU between linear layers the
    decoder changes by at most |z - z'|. It is RAE-SN with the objective `Rae` (Ghosh et al. 2020, section 3.1).
    """

    network: Annotated[NetworkSpec, tyro.conf.Suppress, tyro.conf.Fixed] = Mlp()
    """The other network; on the command line an Mlp."""
    tables: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.network.python_only or isinstance(self.network, Spectral):
            raise UserError(
                f"Spectral.network is {type(self.network).__name__}, but must be a network with layers of its own, "
                "such as Mlp()"
            )

    def check(self, format: DataFormat) -> None:
        """Check that the other network takes such data.

        Raises:
            UserError: rows of a table for a network of images.
        """
        self.network.check(format)

    def build(self, sizes: Sizes) -> Network:
        """Build the other network, with fresh weights, and normalise its decoder."""
        from vaelab.networks.spectral import with_normalised_decoder

        return with_normalised_decoder(self.network.build(sizes), sizes)


AnyNetwork = Annotated[NetworkSpec, any_of(NetworkSpec)]
