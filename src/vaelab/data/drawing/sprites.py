"""White squares, ellipses and hearts on black."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy.typing import NDArray

from vaelab.data.drawing.factors import Column, Factor, check_size, class_blocks, class_column, factor_columns
from vaelab.data.dsprites import SHAPES

# From a sprite's centroid to its farthest point at scale 1, in widths of the image. Centroids keep a quarter of the
# width away from the edges; at 64 pixels, a margin of 1.3 pixels stays free.
_RADIUS = 0.23
# Images drawn at a time: few enough for the processor's cache.
_BLOCK = 64

# A heart whose square has the side 1. The centroid of a half disc lies 4 / (3 pi) radii from its diameter, so the
# middle of the square lies _DROP below the centroid of the heart; the tip lies half a diagonal further down.
_HALF = 0.5
_DROP = math.pi / 4 * (0.5 + 2 / (3 * math.pi)) / math.sqrt(2) / (1 + math.pi / 4)
_TIP = _DROP + 1 / math.sqrt(2)

_Plane = Float[NDArray[np.float64], "N H W"]
_Lengths = Float[NDArray[np.float64], "N 1 1"]
_Mask = Bool[NDArray[np.bool_], "N H W"]
_Inside = Callable[[_Plane, _Plane, _Lengths], _Mask]


def draw_sprites(
    shape: Factor, scale: Factor, orientation: Factor, x: Factor, y: Factor, image_size: int = 64
) -> UInt8[NDArray[np.uint8], "N 1 H W"]:
    """Draw one square, ellipse or heart per image, white (255) on black (0).

    A pixel is white if its centre lies in the shape. In pixels, with S the image size and r = 0.23 S scale the
    distance from the shape's centroid to its farthest point::

        centroid  S (1/4 + x/2) from the left, S (1/4 + y/2) from the top
        square    of side sqrt(2) r
        ellipse   of semi-axes r, along the orientation, and r/2
        heart     a square on its tip, and a half disc on each of its two upper sides

    So every sprite lies wholly inside the image. A factor is one number per image, or one number for all images.

    Args:
        shape: 0 for a square, 1 for an ellipse, 2 for a heart.
        scale: from 0, too small to be seen, to 1.
        orientation: radians, clockwise.
        x: from 0, left, to 1, right.
        y: from 0, top, to 1, bottom.
        image_size: height and width in pixels.

    Raises:
        UserError: a factor is out of its range or not finite, the factors differ in length, or the images are too
            small.

    >>> left, right = draw_sprites(shape=0, scale=1, orientation=0, x=[0, 1], y=0.5)[:, 0]
    >>> bool(left[32, 16]), bool(right[32, 16]), bool(right[32, 48])
    (True, False, True)
    """
    check_size(image_size, 16)
    shapes, *factors = factor_columns(
        shape=(shape, 0, len(SHAPES) - 1),
        scale=(scale, 0, 1),
        orientation=(orientation, -math.inf, math.inf),
        x=(x, 0, 1),
        y=(y, 0, 1),
    )
    kinds = class_column("shape", shapes, len(SHAPES))
    images = np.zeros((len(kinds), 1, image_size, image_size), np.uint8)
    for kind, rows in class_blocks(kinds, _BLOCK):
        _draw(images, rows, _INSIDE[kind], *(factor[rows] for factor in factors))
    return images


def _draw(
    images: UInt8[NDArray[np.uint8], "M 1 S S"],
    rows: Int[NDArray[np.int64], " N"],
    inside: _Inside,
    scale: Column,
    orientation: Column,
    x: Column,
    y: Column,
) -> None:
    """Draw one shape into the images `rows`, in a square window that holds it in every orientation."""
    size = images.shape[-1]
    width = min(size, math.ceil(2 * _RADIUS * size) + 1)
    windows, distances = [], []
    for place in (x, y):
        middle = (0.25 + place / 2) * size
        first = np.minimum(np.floor(middle - _RADIUS * size), size - width)
        windows.append(first.astype(np.int64).tolist())
        distances.append(first[:, None] + np.arange(width) + 0.5 - middle[:, None])
    right, down = distances
    cos, sin = np.cos(orientation)[:, None], np.sin(orientation)[:, None]
    white = inside(
        (cos * right)[:, None, :] + (sin * down)[:, :, None],
        (cos * down)[:, :, None] - (sin * right)[:, None, :],
        (_RADIUS * size * scale)[:, None, None],
    )
    for row, left, top, mask in zip(rows.tolist(), *windows, white, strict=True):
        images[row, 0, top : top + width, left : left + width] = mask * np.uint8(255)


def _square(p: _Plane, q: _Plane, r: _Lengths) -> _Mask:
    return np.maximum(np.abs(p), np.abs(q)) <= r / math.sqrt(2)


def _ellipse(p: _Plane, q: _Plane, r: _Lengths) -> _Mask:
    return p * p + 4 * q * q <= r * r


def _heart(p: _Plane, q: _Plane, r: _Lengths) -> _Mask:
    half = r * (_HALF / _TIP)
    q = q - r * (_DROP / _TIP)
    a, b = (p + q) / math.sqrt(2), (q - p) / math.sqrt(2)
    # Discs of radius h about (0, -h) and (-h, 0): their lower halves lie in the square.
    return (np.maximum(np.abs(a), np.abs(b)) <= half) | (a * a + b * b <= -2 * half * np.minimum(a, b))


# In the order of SHAPES.
_INSIDE: tuple[_Inside, ...] = (_square, _ellipse, _heart)
