"""The autoencoder of latent diffusion, with a latent vector per position of a map."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, silu

from vaelab.contract import Network
from vaelab.distributions import as_float32
from vaelab.errors import UserError
from vaelab.networks.attention import SelfAttention
from vaelab.networks.conditions import as_planes
from vaelab.sizes import Sizes


class Norm(nn.GroupNorm):
    """Group normalisation (Wu and He 2018) with the epsilon of the published networks, in at least float32."""

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__(groups, channels, eps=1e-6)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map, normalised in each group of channels."""
        return super().forward(as_float32(x))


class Resnet(nn.Module):
    """x + f(x), with f two convolutions 3x3, normalisation and SiLU before each; x passes a 1x1 one if C changes."""

    def __init__(self, wide: int, deep: int, groups: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = Norm(groups, wide), nn.Conv2d(wide, deep, 3, padding=1)
        self.norm2, self.conv2 = Norm(groups, deep), nn.Conv2d(deep, deep, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(wide, deep, 1) if wide != deep else nn.Identity()

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D H W"]:
        """The map of `deep` channels."""
        h = self.conv1(silu(self.norm1(x)))
        y: Tensor = self.conv_shortcut(x) + self.conv2(silu(self.norm2(h)))
        return y


class Middle(nn.Module):
    """Self-attention between two residual blocks, on the coarsest map."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(Resnet(channels, channels, groups) for _ in range(2))
        self.attentions = nn.ModuleList([SelfAttention(channels, Norm(groups, channels))])

    def forward(self, h: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map of the same size."""
        y: Tensor = self.resnets[1](self.attentions[0](self.resnets[0](h)))
        return y


class Halving(nn.Module):
    """A convolution 3x3 of stride 2 that sees one more row and column at the end; odd sizes round down."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, h: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C h w"]:
        """The map of half the size."""
        y: Tensor = self.conv(pad(h, (0, 1, 0, 1)))
        return y


class Doubling(nn.Module):
    """The nearest place of the coarser map, then a convolution 3x3; `size` is what was halved."""

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, h: Float[Tensor, "N C h w"]) -> Float[Tensor, "N C H W"]:
        """The map of the finer level."""
        y: Tensor = self.conv(interpolate(h, size=self.size))
        return y


class Level(nn.Module):
    """Residual blocks at one resolution, and the step to the next one, if any."""

    def __init__(self, wide: int, deep: int, blocks: int, groups: int, step: nn.Module | None, name: str) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(Resnet(deep if block else wide, deep, groups) for block in range(blocks))
        self.steps = name
        # Called as in the published networks.
        setattr(self, name, nn.ModuleList([step] if step is not None else []))

    def forward(self, h: Float[Tensor, "N C H W"]) -> Tensor:
        """The map that the next level takes."""
        for layer in (*self.resnets, *getattr(self, self.steps)):
            h = layer(h)
        return h


class Encoder(nn.Module):
    """From images on the scale from -1 to 1 to a map of features."""

    def __init__(self, colours: int, channels: tuple[int, ...], blocks: int, groups: int, outputs: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(colours, channels[0], 3, padding=1)
        levels: list[nn.Module] = []
        for number, (wide, deep) in enumerate(pairwise((channels[0], *channels))):
            step = Halving(deep) if number < len(channels) - 1 else None
            levels.append(Level(wide, deep, blocks, groups, step, "downsamplers"))
        self.down_blocks = nn.ModuleList(levels)
        self.mid_block = Middle(channels[-1], groups)
        self.conv_norm_out = Norm(groups, channels[-1])
        self.conv_out = nn.Conv2d(channels[-1], outputs, 3, padding=1)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N F h w"]:
        """The map of features."""
        h = self.conv_in(x)
        for level in self.down_blocks:
            h = level(h)
        y: Tensor = self.conv_out(silu(self.conv_norm_out(self.mid_block(h))))
        return y


class Decoder(nn.Module):
    """From a map of latents to the parameters of each pixel."""

    def __init__(
        self,
        latent: int,
        channels: tuple[int, ...],
        blocks: int,
        groups: int,
        outputs: int,
        extents: list[tuple[int, int]],
    ) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(latent, channels[-1], 3, padding=1)
        self.mid_block = Middle(channels[-1], groups)
        levels: list[nn.Module] = []
        for number, (deep, thin) in enumerate(pairwise((channels[-1], *reversed(channels)))):
            finer = len(channels) - 2 - number
            step = Doubling(thin, extents[finer]) if finer >= 0 else None
            levels.append(Level(deep, thin, blocks + 1, groups, step, "upsamplers"))
        self.up_blocks = nn.ModuleList(levels)
        self.conv_norm_out = Norm(groups, channels[0])
        self.conv_out = nn.Conv2d(channels[0], outputs, 3, padding=1)

    def forward(self, z: Float[Tensor, "N L h w"]) -> Float[Tensor, "N P H W"]:
        """The parameters."""
        h = self.mid_block(self.conv_in(z))
        for level in self.up_blocks:
            h = level(h)
        theta: Tensor = self.conv_out(silu(self.conv_norm_out(h)))
        return theta


class AutoencoderKlNetwork(Network):
    """The KL-regularised autoencoder of Rombach et al. (2022), appendix G, with layers named as in diffusers.

    For 32 x 32 images and three levels of channels the map has 8 x 8 positions, each with a latent vector. h and z are
    ordered by position, as in a spatial `ResNet`. A posterior's heads are linear layers per position, which together
    are the convolution `quant_conv` of the published network. Odd sizes round down when they are halved, and the
    decoder goes back to the exact size of each level. The condition is appended to image and latents as planes.

    Args:
        channels: of each level, from the image inwards; between two levels the map is halved.
        blocks: residual blocks per level of the encoder; the decoder has one more.
        groups: of each normalisation.
        sizes: the sizes that the network is built for.

    Raises:
        UserError: the image is too small to be halved between levels.
    """

    def __init__(self, channels: tuple[int, ...], blocks: int, groups: int, sizes: Sizes) -> None:
        super().__init__()
        colours, height, width = sizes.image
        extents = [(height >> level, width >> level) for level in range(len(channels))]
        if min(extents[-1]) < 1:
            raise UserError(
                f"images of {height} x {width} pixels cannot be halved {len(channels) - 1} times; give "
                "AutoencoderKl.channels fewer levels"
            )
        self.map = (*extents[-1], 2 * sizes.latent)
        self.positions = self.map[0] * self.map[1]
        self.features = self.positions * self.map[-1]
        self.encoder = Encoder(colours + sizes.condition, channels, blocks, groups, self.map[-1])
        self.post_quant_conv = nn.Conv2d(sizes.latent, sizes.latent, 1)
        self.decoder = Decoder(sizes.latent + sizes.condition, channels, blocks, groups, sizes.parameters, extents)
        # Convolutions in bf16 are fastest in the channels-last layout, on CPUs and on GPUs.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def head(self, outputs: int) -> nn.Module:
        """A linear layer from h to `outputs` numbers per place, the same at every place."""
        width = self.map[-1]
        return nn.Sequential(nn.Unflatten(1, (self.positions, width)), nn.Linear(width, outputs), nn.Flatten())

    def encode(self, x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B F"]:
        """Features h of each image, ordered by place."""
        h = self.encoder(as_planes(2 * x - 1, c).contiguous(memory_format=torch.channels_last))
        return torch.flatten(h.permute(0, 2, 3, 1), 1)

    def decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N P H W"]:
        """Parameters of the likelihood for each pixel."""
        latents = z.unflatten(1, (*self.map[:2], -1)).permute(0, 3, 1, 2)
        latents = self.post_quant_conv(latents.contiguous(memory_format=torch.channels_last))
        theta: Tensor = self.decoder(as_planes(latents, c))
        return theta
