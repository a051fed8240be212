"""Digits drawn along the path of a pen."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from vaelab.data.drawing.factors import Column, Factor, check_size, class_blocks, class_column, factor_columns
from vaelab.data.drawing.glyphs import Points, glyph

CLASSES = tuple("0123456789")
# Images drawn at a time: few enough for the processor's cache.
_BLOCK = 64


def draw_strokes(
    classes: Factor,
    slant: Factor,
    thickness: Factor,
    scale: Factor,
    rotation: Factor,
    image_size: int = 28,
) -> UInt8[NDArray[np.uint8], "N 1 H W"]:
    r"""Draw one digit per image, grey on black, with soft edges.

    With (x, y) on the path of an upright pen, `glyph`, y up and the middle of its box at the middle of the image::

        slanted   (x + y tan(slant), y) scale
        rotated   clockwise by rotation
        pixel     255 clip(1/2 + thickness/2 - distance, 0, 1), of the pixel's centre from the path

    so that slant, scale and rotation leave the thickness of the stroke unchanged. The units are those of
    `stroke_shape`, which measures the thickness to half a pixel and, if the other of the two is 0, slant and rotation
    to five degrees. The scale that it measures is this scale times a constant of the digit, and slightly more for a
    wide pen. A factor is one number per image, or one number for all images. Within the ranges of `Strokes`, all ink
    lies inside 28 x 28 pixels; outside them, digits are cut off at the edge.

    Args:
        classes: the digits, 0 to 9.
        slant: degrees in [-60, 60], positive to the right.
        thickness: thickness of the stroke in pixels.
        scale: height of the pen's path before rotation, in pixels.
        rotation: degrees, clockwise.
        image_size: height and width in pixels; it does not scale the digit.

    Raises:
        UserError: a factor is out of its range or not finite, the factors differ in length, or the images have no
            pixels.

    >>> draw_strokes(range(10), slant=0, thickness=2, scale=16, rotation=[0, 10] * 5).shape
    (10, 1, 28, 28)
    """
    check_size(image_size, 1)
    positive = (0, np.inf)
    digits, *factors = factor_columns(
        classes=(classes, 0, 9),
        slant=(slant, -60, 60),
        thickness=(thickness, *positive),
        scale=(scale, *positive),
        rotation=(rotation, -np.inf, np.inf),
    )
    kinds = class_column("classes", digits, len(CLASSES))
    images = np.empty((len(kinds), 1, image_size, image_size), np.uint8)
    for digit, rows in class_blocks(kinds, _BLOCK):
        images[rows, 0] = _draw(image_size, glyph(digit), *(factor[rows] for factor in factors))
    return images


def _draw(
    image_size: int, path: Points, slant: Column, thickness: Column, scale: Column, rotation: Column
) -> UInt8[NDArray[np.uint8], "N H W"]:
    """Images of one digit."""
    turn = np.radians(rotation)
    x, y = path[:, 0, None], path[:, 1, None]
    x, y = (x + y * np.tan(np.radians(slant))) * scale, y * scale
    right, up = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)

    # Images are the last axis, so that each step below runs over long rows: (points, pixels, images).
    middles = np.arange(image_size)[:, None] + 0.5 - image_size / 2
    across = np.square(middles - right[:, None], dtype=np.float32)
    down = np.square(middles + up[:, None], dtype=np.float32)
    nearest = np.full((image_size, image_size, len(slant)), np.inf, np.float32)
    square = np.empty_like(nearest)
    for columns, rows in zip(across, down, strict=True):
        np.add(columns, rows[:, None], out=square)
        np.minimum(nearest, square, out=nearest)
    coverage = np.clip(0.5 + thickness / 2 - np.sqrt(nearest), 0, 1)
    return np.round(255 * coverage).astype(np.uint8).transpose(2, 0, 1)
