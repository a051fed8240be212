"""The sizes that the parts of a model are built for."""

from __future__ import annotations

from typing import NamedTuple


class CodeSpace(NamedTuple):
    """The space of discrete codes: `slots` integers, each below `size`."""

    slots: int
    size: int


class Sizes(NamedTuple):
    """The sizes that a network is built for."""

    image: tuple[int, int, int]
    """(C, H, W) of an image."""
    latent: int
    """Dimensions of z; for a network with a map of latents, of each position."""
    condition: int
    """K, dimensions of the condition; 0 for none."""
    parameters: int
    """P, channels of the decoder's output: the likelihood's parameters for one pixel, all channels together."""


class PriorSizes(NamedTuple):
    """The sizes that a prior is built for."""

    image: tuple[int, int, int]
    """(C, H, W) of an image."""
    latent: int
    """D, dimensions of z, all positions together."""
    condition: int
    """K, dimensions of the condition; 0 for none."""
    code_space: CodeSpace | None
    """The space of codes if the posterior is discrete, otherwise None."""
    labels: bool = False
    """True if the condition is a label (one-hot, or zeros for an unknown label), False for attributes."""
