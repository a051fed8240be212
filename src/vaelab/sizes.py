"""What the learned pieces of a model are built for: numbers of pixels, channels, dimensions and codes."""

from __future__ import annotations

from typing import NamedTuple


class Sizes(NamedTuple):
    """What a network is built for."""

    image: tuple[int, int, int]
    """(C, H, W) of a picture."""
    latent: int
    """Dimensions of z; for a network with a map of latents, of each position."""
    condition: int
    """K, dimensions of the condition; 0 where there is none."""
    parameters: int
    """Channels of the decoder's output: what the likelihood takes for each pixel, all channels together."""


class Codes(NamedTuple):
    """The space of discrete codes: `slots` integers, each below `size`."""

    slots: int
    size: int


class PriorSizes(NamedTuple):
    """What a prior is built for."""

    image: tuple[int, int, int]
    """(C, H, W) of a picture."""
    latent: int
    """D, dimensions of z, all positions together."""
    condition: int
    """K, dimensions of the condition; 0 where there is none."""
    codes: Codes | None
    """The discrete codes, where the posterior's are discrete."""
