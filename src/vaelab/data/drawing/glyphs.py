"""The ten digits as paths of a pen."""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

Points = Float[NDArray[np.float64], "P 2"]

# Each stroke is a smooth curve through its points, x to the right and y up, in hundredths of the
# height; a corner ends one stroke and begins another.
_STROKES: tuple[tuple[tuple[tuple[int, int], ...], ...], ...] = (
    (((30, 100), (6, 78), (0, 48), (8, 16), (31, 0), (54, 18), (62, 52), (54, 84), (30, 100)),),
    (((0, 76), (12, 86), (22, 100)), ((22, 100), (22, 0))),
    (
        ((2, 76), (12, 94), (32, 100), (51, 90), (53, 68), (38, 42), (18, 18), (0, 2)),
        ((0, 2), (24, 5), (44, 0), (62, 4)),
    ),
    (
        ((2, 86), (13, 97), (30, 100), (47, 91), (48, 72), (36, 58), (17, 53)),
        ((17, 53), (40, 50), (55, 36), (53, 14), (36, 1), (16, 1), (0, 12)),
    ),
    (
        ((10, 96), (6, 72), (0, 46)),
        ((0, 46), (30, 44), (60, 50)),
        ((50, 100), (45, 50), (42, 0)),
    ),
    (
        ((56, 100), (34, 98), (12, 98)),
        ((12, 98), (9, 76), (6, 54)),
        ((6, 54), (24, 61), (44, 56), (55, 38), (51, 15), (33, 1), (14, 1), (0, 10)),
    ),
    (
        (
            (44, 100), (22, 80), (6, 52), (1, 26), (10, 6), (28, 0), (46, 10), (51, 28),
            (42, 44), (24, 46), (8, 32), (2, 22),
        ),
    ),
    (((0, 94), (26, 97), (54, 100)), ((54, 100), (42, 66), (31, 34), (22, 0))),
    (
        (
            (30, 54), (12, 66), (7, 82), (17, 97), (32, 100), (47, 95), (53, 82), (47, 66),
            (30, 54), (8, 37), (1, 20), (10, 5), (30, 0), (49, 5), (57, 20), (50, 37),
            (30, 54),
        ),
    ),
    (
        (
            (50, 86), (38, 98), (22, 100), (7, 90), (2, 74), (10, 58), (26, 54), (42, 64),
            (50, 82),
        ),
        ((50, 86), (48, 56), (42, 28), (38, 0)),
    ),
)  # fmt: skip

# Points per unit of height: on a digit 18 pixels high, even a slanted one, neighbours are less than half a pixel apart.
_DENSITY = 64


@functools.cache
def glyph(digit: int) -> Points:
    """Points along the path of the pen that writes a digit, evenly spaced.

    The path of each stroke is an interpolating cubic spline through hand-set points. The digit has height 1, and the
    middle of its bounding box is the origin, x to the right and y up. It is upright: its second moment mxy about its
    centroid is 0, so `stroke_shape` measures no slant.

    >>> glyph(7).max(0).round(2), glyph(7).min(0).round(2)
    (array([0.27, 0.5 ]), array([-0.27, -0.5 ]))
    """
    points = np.concatenate([_even(np.array(stroke) / 100) for stroke in _STROKES[digit]])
    x, y = (points - points.mean(0)).T
    upright = np.stack([x - (x * y).mean() / (y * y).mean() * y, y], 1)
    low, high = upright.min(0), upright.max(0)
    path: Points = (upright - (low + high) / 2) / (high - low)[1]
    path.setflags(write=False)
    return path


def _even(stroke: Float[NDArray[np.float64], "K 2"]) -> Points:
    """Points along a smooth curve through those of a stroke, evenly spaced."""
    from scipy.interpolate import CubicSpline

    def lengths(points: Points) -> NDArray[np.float64]:
        return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])

    closed = bool((stroke[0] == stroke[-1]).all())
    chords = lengths(stroke)
    curve = CubicSpline(chords, stroke, bc_type="periodic" if closed else "natural")(np.linspace(0, chords[-1], 1000))
    along = lengths(curve)
    count = round(along[-1] * _DENSITY)
    middles = (np.arange(count) + 0.5) / count * along[-1]
    return np.stack([np.interp(middles, along, axis) for axis in curve.T], 1)
