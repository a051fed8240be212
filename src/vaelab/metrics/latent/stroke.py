"""Slant, thickness, scale, rotation and elongation of what is drawn on an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import finite

_Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class StrokeShape:
    """The shape of what each image shows; all are nan for an empty image."""

    slant: Float[_Numbers, " N"]
    """Degrees by which an upright shape is sheared, positive to the right; nan where all ink is in one row."""
    thickness: Float[_Numbers, " N"]
    """Pixels, of a stroke."""
    scale: Float[_Numbers, " N"]
    """Pixels, the root mean square distance of the ink from its centre."""
    rotation: Float[_Numbers, " N"]
    """Degrees in (-90, 90] from the vertical to the long axis, positive to the right; nan where no axis is longer."""
    elongation: Float[_Numbers, " N"]
    """From 0, round, to 1, a line: how much the rotation is to be believed; nan for a single pixel."""


def stroke_shape(images: Float[NDArray[np.float64], "N H W"]) -> StrokeShape:
    r"""Measure the shape of what each grey image shows, light on dark.

    With the second central moments of the ink, mxx, mxy and myy, where x goes right and y goes up (Hu 1962)::

        slant       arctan(mxy / myy): a shear x + y tan(slant) of a shape with mxy = 0 has just these moments
        rotation    arctan2(2 mxy, myy - mxx) / 2: the long axis of the ellipse with these moments
        scale       sqrt(mxx + myy)
        elongation  sqrt((mxx - myy)^2 + 4 mxy^2) / (mxx + myy)
        thickness   2 ink / total variation

    A stroke of length L, far longer than its width w, has the area L w and the perimeter 2 L, and the total variation
    of an image is the perimeter of what it shows. The ends of a stroke count too, so that it is measured at
    w / (1 + w / L). The total variation is the upwind one of Chambolle, Levine and Lucier (2011), taken from the dark
    side: sum of sqrt(sum over the four neighbours of max(neighbour - pixel, 0)^2). Of the usual discretisations it
    hardly depends on how a stroke is turned: 2.5 per cent either way from a width of two pixels on. Thinner
    strokes, for which pixels are too coarse, come out wider by up to 0.6 pixels. No measure depends on contrast,
    nor, by whole pixels, on where the shape lies.

    Args:
        images: grey, in [0, 1].

    Raises:
        UserError: a pixel is not finite or below 0.
    """
    if images.ndim != 3 or 0 in images.shape[1:]:
        raise UserError(f"images has shape {images.shape}, but must be (N, H, W) with pixels in it; choose a channel")
    finite("images", images)
    if images.size and images.min() < 0:
        raise UserError(f"images has a pixel of {images.min()}, but pixels must be >= 0; clip them")
    _, height, width = images.shape
    ink = images.sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        columns, rows = images.sum(1) / ink[:, None], images.sum(2) / ink[:, None]
        x = np.arange(width) - (columns @ np.arange(width))[:, None]
        y = (rows @ np.arange(height))[:, None] - np.arange(height)
        mxx, myy = (columns * x**2).sum(1), (rows * y**2).sum(1)
        mxy = ((images @ x[:, :, None])[..., 0] * y).sum(1) / ink

        size = mxx + myy
        elongation = np.hypot(mxx - myy, 2 * mxy) / size
        # Where no axis is longer, rounding would choose one.
        rotation = np.where(elongation > 1e-9, np.degrees(np.arctan2(2 * mxy, myy - mxx)) / 2, np.nan)
        return StrokeShape(
            slant=np.degrees(np.arctan(mxy / myy)),
            thickness=2 * ink / _total_variation(images),
            scale=np.sqrt(size),
            rotation=np.where(rotation == -90, 90.0, rotation),
            elongation=elongation,
        )


def _total_variation(images: Float[NDArray[np.float64], "N H W"]) -> Float[_Numbers, " N"]:
    """The upwind total variation of each image, with darkness around it."""
    # One pixel of darkness around is where a stroke at the edge is seen from, one more is that one's neighbour.
    wide = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    middle = wide[:, 1:-1, 1:-1]
    neighbours = (wide[:, :-2, 1:-1], wide[:, 2:, 1:-1], wide[:, 1:-1, :-2], wide[:, 1:-1, 2:])
    squares = sum((np.maximum(neighbour - middle, 0) ** 2 for neighbour in neighbours), np.zeros_like(middle))
    variation: _Numbers = np.sqrt(squares).sum((1, 2))
    return variation
