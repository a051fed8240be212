"""Slant, thickness, scale, rotation and elongation of the strokes in an image."""

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
    """The shape of the strokes in each image; all measures are nan for an empty image."""

    slant: Float[_Numbers, " N"]
    """Shear of the shape in degrees, positive to the right; nan if all ink is in one row."""
    thickness: Float[_Numbers, " N"]
    """Width of a stroke, pixels."""
    scale: Float[_Numbers, " N"]
    """Root mean square distance of the ink from its centre, pixels."""
    rotation: Float[_Numbers, " N"]
    """Degrees in (-90, 90] from the vertical to the long axis, positive to the right; nan if no axis is longer."""
    elongation: Float[_Numbers, " N"]
    """From 0 (round) to 1 (a line): the reliability of the rotation; nan for a single pixel."""


def stroke_shape(images: Float[NDArray[np.float64], "N H W"]) -> StrokeShape:
    r"""Measure the shape of the strokes in grey images, light on dark.

    With the second central moments of the ink, mxx, mxy and myy, where x goes right and y goes up (Hu 1962)::

        slant       arctan(mxy / myy): the shear x + y tan(slant) of a shape with mxy = 0 has these moments
        rotation    arctan2(2 mxy, myy - mxx) / 2: the long axis of the ellipse with these moments
        scale       sqrt(mxx + myy)
        elongation  sqrt((mxx - myy)^2 + 4 mxy^2) / (mxx + myy)
        thickness   2 ink / total variation

    A stroke of length L, much longer than its width w, has area L w and perimeter 2 L, and the total variation of an
    image is the perimeter of the shape. The ends of a stroke count too, so the measured width is w / (1 + w / L). The
    total variation is the upwind one of Chambolle, Levine and Lucier (2011), from the dark side: sum of sqrt(sum over
    the four neighbours of max(neighbour - pixel, 0)^2). Among the usual discretisations it depends least on the
    rotation of a stroke: by 2.5 % either way, for widths of two pixels or more. The width of thinner strokes, for
    which pixels are too coarse, is overestimated by up to 0.6 pixels. No measure depends on contrast, or on shifts by
    whole pixels.

    Args:
        images: grey, in [0, 1].

    Raises:
        UserError: images of another shape than (N, H, W), or a pixel that is not finite or below 0.
    """
    if images.ndim != 3 or 0 in images.shape[1:]:
        raise UserError(f"images has shape {images.shape}, but must be (N, H, W) and not empty; choose a channel")
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
        # If no axis is longer, a rounding error would choose one.
        rotation = np.where(elongation > 1e-9, np.degrees(np.arctan2(2 * mxy, myy - mxx)) / 2, np.nan)
        return StrokeShape(
            slant=np.degrees(np.arctan(mxy / myy)),
            thickness=2 * ink / _total_variation(images),
            scale=np.sqrt(size),
            rotation=np.where(rotation == -90, 90.0, rotation),
            elongation=elongation,
        )


def _total_variation(images: Float[NDArray[np.float64], "N H W"]) -> Float[_Numbers, " N"]:
    """The upwind total variation of each image, padded with dark pixels."""
    # The variation of a stroke at the edge is measured at the first padding pixel, whose neighbour is the second.
    wide = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    middle = wide[:, 1:-1, 1:-1]
    neighbours = (wide[:, :-2, 1:-1], wide[:, 2:, 1:-1], wide[:, 1:-1, :-2], wide[:, 1:-1, 2:])
    squares = sum((np.maximum(neighbour - middle, 0) ** 2 for neighbour in neighbours), np.zeros_like(middle))
    variation: _Numbers = np.sqrt(squares).sum((1, 2))
    return variation
