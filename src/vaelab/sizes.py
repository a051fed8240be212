"""The sizes that the parts of a model are built for, and the spaces that latents lie in."""

from __future__ import annotations

from typing import NamedTuple

from vaelab.errors import UserError


class Space(NamedTuple):
    """A space of latents, with the volume that densities refer to.

    A prior and a posterior go together if their spaces are equal, curvature included.

    >>> print(Space("the Poincare ball", -1.0))
    the Poincare ball of curvature -1
    """

    name: str
    curvature: float = 0.0

    def __str__(self) -> str:
        return f"{self.name} of curvature {self.curvature:g}" if self.curvature else self.name


EUCLIDEAN = Space("real vectors")
SPHERE = Space("the unit sphere", 1.0)
POSITIVE = Space("vectors of positive numbers")


def poincare_ball(curvature: float) -> Space:
    """The Poincare ball of curvature -c, given c > 0."""
    return Space("the Poincare ball", -curvature)


class CodeSpace(NamedTuple):
    """The space of discrete codes: `slots` integers, each below `size`."""

    slots: int
    size: int


class Sizes(NamedTuple):
    """The sizes that a network is built for."""

    shape: tuple[int, ...]
    """Shape of x: (C, H, W) of an image, (F,) of a row of a table."""
    latent: int
    """Dimensions of z; for a network with a map of latents, of each position."""
    condition: int
    """K, dimensions of the condition; 0 for none."""
    parameters: int
    """P, channels of the decoder's output: the likelihood's parameters for one pixel, all channels together."""
    missing: bool = False
    """Whether values of x may be missing; the encoder is then told which ones were observed."""

    @property
    def image(self) -> tuple[int, int, int]:
        """(C, H, W) of an image, for networks that take images only.

        Raises:
            UserError: x is a row of a table.
        """
        return image_shape(self.shape, "the network", "Mlp")

    @property
    def encoded(self) -> tuple[int, ...]:
        """Shape of the encoder's input: that of x, or (2 F,), x with zeros for missing values, then 1 if observed."""
        return (2 * self.shape[0], *self.shape[1:]) if self.missing else self.shape

    @property
    def decoded(self) -> tuple[int, ...]:
        """Shape of the decoder's output: (P, H, W), or (P,)."""
        return (self.parameters, *self.shape[1:])


class PriorSizes(NamedTuple):
    """The sizes that a prior is built for."""

    shape: tuple[int, ...]
    """Shape of x: (C, H, W) of an image, (F,) of a row of a table."""
    latent: int
    """D, dimensions of z, all positions together."""
    condition: int
    """K, dimensions of the condition; 0 for none."""
    code_space: CodeSpace | None
    """The space of codes if the posterior is discrete, otherwise None."""
    labels: bool = False
    """True if the condition is a label (one-hot, or zeros for an unknown label), False for attributes."""
    missing: bool = False
    """Whether values of x may be missing."""
    map: tuple[int, int] | None = None
    """Rows and columns of the positions that have codes or latents of their own; None if they form no map."""

    @property
    def image(self) -> tuple[int, int, int]:
        """(C, H, W) of an image, for priors that take images only.

        Raises:
            UserError: x is a row of a table.
        """
        return image_shape(self.shape, "the prior", "StandardNormal")


def image_shape(shape: tuple[int, ...], part: str, other: str) -> tuple[int, int, int]:
    """The shape of an image as three numbers.

    Raises:
        UserError: it is the shape of a row of a table.
    """
    if len(shape) != 3:
        raise UserError(
            f"{part} takes images of shape (C, H, W), but the data are rows of a table, of shape {shape}; choose "
            f"another, such as {other}"
        )
    return shape
