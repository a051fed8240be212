"""Names written into a figure where the things they name lie."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from vaelab.plots.arrays import Floats

# A white edge keeps a name readable over points of any colour.
_HALO = (withStroke(linewidth=2.5, foreground="white"),)
# A line of text is so much higher than its size.
LINE = 1.25


@functools.lru_cache(maxsize=1024)
def width_of(text: str, size: float = 9, weight: str = "normal") -> float:
    """How wide a line of text is at most, in points, the unit of its size."""
    if not text.strip():
        return 0.0
    outline = TextPath((0, 0), text, prop=FontProperties(size=size, weight=weight))
    # Letters that are fitted to a screen's pixels come out a few percent wider than their outlines.
    return 1.06 * float(outline.get_extents().width)


def class_means(means: Floats, labels: NDArray[np.int64], count: int) -> Floats:
    """The mean of each class, (count, 2); NaN for a class without points."""
    sums = np.stack([np.bincount(labels, column, count) for column in means.T], 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.bincount(labels, minlength=count)[:, None])


def write_names(axes: Axes, places: Floats, names: Sequence[str], size: float = 9) -> list[Annotation]:
    """Write each name at its place (N, 2), in data coordinates.

    Names that would cover each other move apart, and a thin line leads back to the place. Where most
    lie together, as those of classes do that a conditional model mixes, they stand in a ring about
    the points instead of on them. Call it when limits and layout stand: they decide what touches.
    """
    shown = [(place, name) for place, name in zip(places, names, strict=True) if np.isfinite(place).all()]
    if not shown:
        return []
    # In points, the unit of letters, whatever the figure is drawn at.
    scale = 72 / axes.figure.dpi
    centres = np.array([axes.transData.transform(place) for place, _ in shown]) * scale
    half = np.array([[width_of(name, size, "bold") / 2 + 2, LINE * size / 2] for _, name in shown])
    window = np.array(axes.get_window_extent().get_points()) * scale
    moved = _apart(_ring(centres, half, window), half, window)
    texts = []
    for ((x, y), name), offset in zip(shown, moved - centres, strict=True):
        far = bool(np.hypot(*offset) > size)
        line = {"arrowstyle": "-", "lw": 0.6, "color": "#333333", "shrinkA": 0, "shrinkB": 0}
        text = axes.annotate(
            name,
            (float(x), float(y)),
            (float(offset[0]), float(offset[1])),
            textcoords="offset points",
            ha="center",
            va="center",
            size=size,
            weight="bold",
            path_effects=_HALO,
            zorder=6,
            arrowprops=line if far else None,
        )
        text.set_in_layout(False)
        texts.append(text)
    return texts


def _overlaps(centres: Floats, half: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """For each pair of boxes: the way between, how deep one lies in the other, and whether they touch."""
    gap = centres[:, None] - centres[None]
    depth = half[:, None] + half[None] - np.abs(gap)
    return gap, depth, (depth > 0).all(-1) & ~np.eye(len(centres), dtype=bool)


def _ring(centres: Floats, half: Floats, window: Floats) -> Floats:
    """Centres on a ring within the window, if most touch another and all lie close together."""
    spread = np.ptp(centres, axis=0) / (window[1] - window[0])
    if len(centres) < 4 or _overlaps(centres, half)[2].any(0).mean() < 0.6 or spread.max() > 0.2:
        return centres
    # About the middle of the window, so that no name leaves it; each goes the way it lies from the others' middle.
    middle, away = window.mean(0), centres - centres.mean(0)
    rank = np.argsort(np.argsort(np.arctan2(*away.T[::-1])))
    turn = 2 * np.pi * (rank + 0.5) / len(centres) - np.pi
    radius = (window[1] - window[0]).min() / 2 - half.max(0)
    return np.asarray(middle + radius * np.stack([np.cos(turn), np.sin(turn)], 1))


def _apart(centres: Floats, half: Floats, window: Floats) -> Floats:
    """Centres of boxes moved until no two boxes overlap, as little as that takes, within the window."""
    # Two boxes in one place part in directions of their own.
    turn = np.arange(len(centres)) * 2.4
    moved = centres + 0.01 * np.stack([np.cos(turn), np.sin(turn)], 1)
    stuck = False
    for _ in range(300):
        gap, depth, touching = _overlaps(moved, half)
        if not touching.any():
            break
        stuck = True
        # Each pair parts along the axis on which it overlaps least.
        least = depth == depth.min(-1, keepdims=True)
        push = np.where(touching[..., None] & least, np.sign(gap) * depth / 2, 0).sum(1)
        moved = np.clip(moved + 0.6 * push, window[0] + half, np.maximum(window[1] - half, window[0] + half))
    return moved if stuck else centres
