"""Networks: from a picture to features h, and from a latent z to the parameters of each pixel.

Adding one is a dataclass here and a file with the module it builds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from vaelab.errors import UserError
from vaelab.piece import Piece, Tag

if TYPE_CHECKING:
    from vaelab.networks.network import Network as NetworkModule
    from vaelab.networks.network import Sizes


def _positive(where: str, widths: tuple[int, ...]) -> None:
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
        _positive("Conv.channels", self.channels)
        if not self.channels:
            raise UserError("Conv.channels is empty, but needs at least one number of channels")

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
        _positive("Mlp.hidden", self.hidden)

    def build(self, sizes: Sizes) -> NetworkModule:
        """The network with fresh weights."""
        from vaelab.networks.mlp import MlpNetwork

        return MlpNetwork(self.hidden, sizes)


Network = Annotated[Conv | Mlp, Field(discriminator="kind")]

__all__ = ["Conv", "Mlp", "Network"]
