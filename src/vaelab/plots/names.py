"""Names at given positions of a plot, without overlaps."""

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

# A white outline keeps a name readable over points of any colour.
_HALO = (withStroke(linewidth=2.5, foreground="white"),)
# Height of a line of text, in font sizes.
LINE_HEIGHT = 1.25


@functools.lru_cache(maxsize=1024)
def text_width(text: str, size: float = 9, weight: str = "normal") -> float:
    """An upper bound on the width of a line of text, in points, the unit of `size`."""
    if not text.strip():
        return 0.0
    outline = TextPath((0, 0), text, prop=FontProperties(size=size, weight=weight))
    # Hinting, which aligns letters with pixels, makes them a few percent wider than their outlines.
    return 1.06 * float(outline.get_extents().width)


def class_means(means: Floats, labels: NDArray[np.int64], count: int) -> Floats:
    """The mean of each class, (count, 2); NaN for a class without points. Labels of -1 belong to none."""
    means, labels = means[labels >= 0], labels[labels >= 0]
    sums = np.stack([np.bincount(labels, column, count) for column in means.T], 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.bincount(labels, minlength=count)[:, None])


def write_names(axes: Axes, positions: Floats, names: Sequence[str], size: float = 9) -> list[Annotation]:
    """Write each name at its position (N, 2), in data coordinates; names without a finite position are left out.

    Names that would overlap are moved apart, and a thin line connects each to its position. Call this function after
    limits and layout are final, since these determine which names overlap.
    """
    labels = _present(positions, names)
    if not labels:
        return []
    centres, half, window = _boxes(axes, labels, size)
    moved = _separated(centres, half, window)
    texts = []
    for ((x, y), name), offset in zip(labels, moved - centres, strict=True):
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


def crowded(axes: Axes, positions: Floats, names: Sequence[str], size: float = 9) -> bool:
    """Whether names at these positions (N, 2) say nothing: most would overlap, and all are close together.

    So lie the class means of a conditional model, whose classes are mixed. As for `write_names`, limits and layout are
    final.
    """
    labels = _present(positions, names)
    if len(labels) < 4:
        return False
    centres, half, window = _boxes(axes, labels, size)
    spread = np.ptp(centres, axis=0) / (window[1] - window[0])
    return bool(_overlaps(centres, half)[2].any(0).mean() >= 0.6 and spread.max() <= 0.2)


def _present(positions: Floats, names: Sequence[str]) -> list[tuple[Floats, str]]:
    """Positions with their names, without those that are not finite."""
    return [(point, name) for point, name in zip(positions, names, strict=True) if np.isfinite(point).all()]


def _boxes(axes: Axes, labels: Sequence[tuple[Floats, str]], size: float) -> tuple[Floats, Floats, Floats]:
    """Centres (N, 2) and half sizes (N, 2) of the names, and the corners (2, 2) of the axes.

    In points, the unit of font sizes, at any resolution.
    """
    scale = 72 / axes.figure.dpi
    centres = np.array([axes.transData.transform(point) for point, _ in labels]) * scale
    half = np.array([[text_width(name, size, "bold") / 2 + 2, LINE_HEIGHT * size / 2] for _, name in labels])
    return centres, half, np.array(axes.get_window_extent().get_points()) * scale


def _overlaps(centres: Floats, half: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """For each pair of boxes: the vector between centres, the depth of the overlap per axis, whether they overlap."""
    gap = centres[:, None] - centres[None]
    depth = half[:, None] + half[None] - np.abs(gap)
    return gap, depth, (depth > 0).all(-1) & ~np.eye(len(centres), dtype=bool)


def _separated(centres: Floats, half: Floats, window: Floats) -> Floats:
    """Centres of boxes, moved within the window until no two boxes overlap."""
    # Small offsets in different directions separate boxes that share a centre.
    turn = np.arange(len(centres)) * 2.4
    moved = centres + 0.01 * np.stack([np.cos(turn), np.sin(turn)], 1)
    overlapped = False
    for _ in range(300):
        gap, depth, touching = _overlaps(moved, half)
        if not touching.any():
            break
        overlapped = True
        # Each pair moves along the axis of the smaller overlap.
        least = depth == depth.min(-1, keepdims=True)
        push = np.where(touching[..., None] & least, np.sign(gap) * depth / 2, 0).sum(1)
        moved = np.clip(moved + 0.6 * push, window[0] + half, np.maximum(window[1] - half, window[0] + half))
    return moved if overlapped else centres
