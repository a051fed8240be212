"""Strokes: digits written by a pen whose every move is known."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from vaelab.data.factors import Column, Factor, check_size, class_blocks, class_column, factor_columns
from vaelab.data.glyphs import Points, glyph
from vaelab.data.images import ImageData, as_attributes

RANGES = {"slant": (-25.0, 25.0), "thickness": (1.5, 4.0), "scale": (12.0, 18.0), "rotation": (-10.0, 10.0)}
"""From where to where each factor is drawn: degrees, pixels, pixels, degrees."""

_CLASSES = tuple("0123456789")
# Images drawn at a time: few enough for the processor's cache.
_BLOCK = 64


def load_strokes(images: int, seed: int = 0) -> ImageData:
    """Handwritten-looking digits, 28 x 28, grey, and the factors that determine them.

    The class is the label; slant, thickness, scale and rotation are the attributes, as `draw_strokes` takes them. All
    five are independent and uniform, the four over `RANGES`. A seventh of the digits is the test split, as of MNIST's.

    Args:
        images: how many. Fewer are the first of more, in either split.
        seed: decides the factors.

    >>> data = load_strokes(images=70)
    >>> data.images.shape, data.attribute_names, len(data.split("test"))
    ((70, 1, 28, 28), ('slant', 'thickness', 'scale', 'rotation'), 10)
    """
    test = max(1, round(images / 7))
    shares = [
        np.random.default_rng((seed, split)).random((rows, 5)) for split, rows in enumerate((images - test, test))
    ]
    where = np.concatenate(shares)
    classes = (where[:, 0] * len(_CLASSES)).astype(np.int64)
    low, high = np.array(list(RANGES.values())).T
    # Rounded first, so that the images are drawn from just the factors that are told.
    factors = as_attributes(low + where[:, 1:] * (high - low))
    return ImageData(
        "strokes",
        draw_strokes(classes, *factors.T),
        classes,
        _CLASSES,
        {"train": range(images - test), "test": range(images - test, images)},
        attributes=factors,
        attribute_names=tuple(RANGES),
    )


def draw_strokes(
    classes: Factor,
    slant: Factor,
    thickness: Factor,
    scale: Factor,
    rotation: Factor,
    image_size: int = 28,
) -> UInt8[NDArray[np.uint8], "N 1 H W"]:
    r"""Draw a digit an image, grey on black, with soft edges.

    With (x, y) on the path of an upright pen, `glyph`, y up and the middle of its box at the middle of the image::

        slanted   (x + y tan(slant), y) scale
        turned    clockwise by rotation
        pixel     255 clip(1/2 + thickness/2 - distance, 0, 1), of the pixel's centre from the path

    so that the thickness of the stroke stays what it is. The units are those of `stroke_shape`: it measures the
    thickness within half a pixel and, where the other is 0, slant and rotation within five degrees; what it calls
    scale is this one times a number of the digit's own, a little more for a wide pen. Each factor is one number an
    image, or one for all of them. Within `RANGES`, all ink lies inside 28 x 28 pixels; beyond, a digit is cut off
    at the edge.

    Args:
        classes: the digits, 0 to 9.
        slant: degrees, positive to the right, up to 60 either way.
        thickness: pixels, of the stroke.
        scale: pixels, the height of the pen's path before it is turned.
        rotation: degrees, clockwise.
        image_size: height and width, pixels; the digit stays as large as it is.

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
    kinds = class_column("classes", digits, len(_CLASSES))
    images = np.empty((len(kinds), 1, image_size, image_size), np.uint8)
    for digit, rows in class_blocks(kinds, _BLOCK):
        images[rows, 0] = _draw(image_size, glyph(digit), *(factor[rows] for factor in factors))
    return images


def _draw(
    image_size: int, path: Points, slant: Column, thickness: Column, scale: Column, rotation: Column
) -> UInt8[NDArray[np.uint8], "N H W"]:
    """One digit, written several ways."""
    turn = np.radians(rotation)
    x, y = path[:, 0, None], path[:, 1, None]
    x, y = (x + y * np.tan(np.radians(slant))) * scale, y * scale
    right, up = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)

    # Images come last, so that each step below is one of long rows: (points, pixels, images).
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
