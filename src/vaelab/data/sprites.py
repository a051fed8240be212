"""Sprites: the factor grid of dSprites, drawn on the spot."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy.typing import NDArray

from vaelab.data.dsprites import FACTORS, SHAPES
from vaelab.data.factors import Column, Factor, check_size, class_blocks, class_column, factor_columns
from vaelab.data.images import ImageData, as_attributes
from vaelab.data.sample import choose

GRID = {
    "scale": np.linspace(0.5, 1, 6),
    "orientation": np.linspace(0, 2 * math.pi, 40),
    "x": np.linspace(0, 1, 32),
    "y": np.linspace(0, 1, 32),
}
"""The values of each factor, those of dSprites: the last orientation is the first again."""

# From a sprite's centroid to its farthest point at scale 1, in widths of the image. Centroids keep a quarter away
# from the edges: at 64 pixels, 1.3 of them stay free.
_RADIUS = 0.23
# Images drawn at a time: few enough for the processor's cache.
_BLOCK = 64

# A heart whose square has the side 1: the square's middle lies so far below the centroid of the whole, since that of a
# half disc lies 4 / (3 pi) radii from its diameter; the tip is half a diagonal further down.
_HALF = 0.5
_DROP = math.pi / 4 * (0.5 + 2 / (3 * math.pi)) / math.sqrt(2) / (1 + math.pi / 4)
_TIP = _DROP + 1 / math.sqrt(2)

_Plane = Float[NDArray[np.float64], "N H W"]
_Lengths = Float[NDArray[np.float64], "N 1 1"]
_Mask = Bool[NDArray[np.bool_], "N H W"]
_Inside = Callable[[_Plane, _Plane, _Lengths], _Mask]


def load_sprites(limit: int, image_size: int = 64) -> ImageData:
    """White shapes on black from the grid of dSprites (Matthey et al. 2017), and the factors that determine them.

    3 shapes x 6 scales x 40 orientations x 32 places across x 32 places down are 737,280 images; `draw_sprites`
    says what they look like. The shape is the label; scale in [0.5, 1], orientation in [0, 2 pi], x and y in [0, 1]
    are the attributes, as `load_dsprites` gives them. The images are not those of dSprites bit for bit. As there,
    orientation 0 and orientation 2 pi are two rows of the grid that show the same. A tenth is the test split.

    Args:
        limit: take this many, always the same random ones of the grid; all 737,280 take 3 GB.
        image_size: height and width in pixels. Below 62, neighbouring places may show the same; at 64, small squares
            do, where two orientations nearly differ by a multiple of a quarter turn.

    >>> data = load_sprites(limit=20, image_size=16)
    >>> data.images.shape, data.attribute_names, len(data.split("test"))
    ((20, 1, 16, 16), ('scale', 'orientation', 'x', 'y'), 2)
    """
    sizes = (len(SHAPES), *(len(GRID[name]) for name in FACTORS))
    order, train = choose("sprites", math.prod(sizes), limit)
    shape, *places = np.unravel_index(order, sizes)
    scale, orientation, x, y = (GRID[name][place] for name, place in zip(FACTORS, places, strict=True))
    return ImageData(
        "sprites",
        draw_sprites(shape, scale, orientation, x, y, image_size),
        shape.astype(np.int64),
        SHAPES,
        {"train": range(train), "test": range(train, len(order))},
        attributes=as_attributes(np.stack([scale, orientation, x, y], 1)),
        attribute_names=FACTORS,
    )


def draw_sprites(
    shape: Factor, scale: Factor, orientation: Factor, x: Factor, y: Factor, image_size: int = 64
) -> UInt8[NDArray[np.uint8], "N 1 H W"]:
    """Draw a square, an ellipse or a heart an image, white (255) on black (0).

    A pixel is white where its centre lies in the shape. In pixels, with S the image size and r = 0.23 S scale the
    distance from the shape's centroid to its farthest point::

        centroid  S (1/4 + x/2) from the left, S (1/4 + y/2) from the top
        square    of side sqrt(2) r
        ellipse   of semi-axes r, along the orientation, and r/2
        heart     a square on its tip, and a half disc on each of its two upper sides

    So every sprite lies wholly inside the image. Each factor is one number an image, or one for all of them.

    Args:
        shape: 0 for a square, 1 for an ellipse, 2 for a heart.
        scale: from 0, too small to be seen, to 1.
        orientation: radians, clockwise.
        x: from 0, left, to 1, right.
        y: from 0, top, to 1, bottom.
        image_size: height and width, pixels.

    Raises:
        UserError: a factor is out of its range or not finite, the factors differ in length, or the images are too
            small.

    >>> left, right = draw_sprites(shape=0, scale=1, orientation=0, x=[0, 1], y=0.5)[:, 0]
    >>> bool(left[32, 16]), bool(right[32, 16]), bool(right[32, 48])
    (True, False, True)
    """
    anything, place = (-math.inf, math.inf), (0.0, 1.0)
    check_size(image_size, 16)
    shapes, *factors = factor_columns(
        shape=(shape, 0, len(SHAPES) - 1),
        scale=(scale, 0, 1),
        orientation=(orientation, *anything),
        x=(x, *place),
        y=(y, *place),
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
    """Draw one shape on the images of these rows, in the square window that holds it whatever its orientation."""
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


# Of SHAPES, in their order.
_INSIDE: tuple[_Inside, ...] = (_square, _ellipse, _heart)
