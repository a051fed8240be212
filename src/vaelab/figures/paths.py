"""Paths through the latent space: one dimension at a time, and from one image to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaelab.figures.rows import first_of_each_class, typical_of_each_class
from vaelab.figures.source import FigureSource
from vaelab.plots import image_grid

STEPS = 10
_DIMENSIONS = 10
_REACH = np.linspace(-3, 3, 11)


def linear(start: NDArray[Any], stop: NDArray[Any], steps: int = STEPS) -> NDArray[Any]:
    """Points on the straight line between two codes, ends included, (steps, D).

    >>> linear(np.zeros(1, np.float32), np.ones(1, np.float32), 3).ravel().tolist()
    [0.0, 0.5, 1.0]
    """
    t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    points: NDArray[Any] = (1 - t) * start + t * stop
    return points


def spherical(start: NDArray[Any], stop: NDArray[Any], steps: int = STEPS) -> NDArray[Any]:
    """Points on the great circle between two codes, their length going evenly from one's to the other's.

    (sin((1 - t) w) a / |a| + sin(t w) b / |b|) / sin(w), w the angle between a and b (Shoemake 1985; White 2016),
    times (1 - t) |a| + t |b|. Codes that lie in one line with the origin leave the circle undetermined: then the
    line is taken.

    >>> a, b = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    >>> np.round(np.linalg.norm(spherical(a, b, 5), axis=1), 6).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    # In double precision: near opposite codes the angle's sine is a small difference.
    a, b = start.astype(np.float64), stop.astype(np.float64)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if min(lengths) == 0:
        return linear(start, stop, steps)
    angle = np.arccos(np.clip(a @ b / (lengths[0] * lengths[1]), -1, 1))
    if np.sin(angle) < 1e-6:
        return linear(start, stop, steps)
    t = np.linspace(0, 1, steps)[:, None]
    directions = (np.sin((1 - t) * angle) * a / lengths[0] + np.sin(t * angle) * b / lengths[1]) / np.sin(angle)
    points: NDArray[Any] = (((1 - t) * lengths[0] + t * lengths[1]) * directions).astype(np.float32)
    return points


def traversals(source: FigureSource) -> tuple[Figure, str]:
    """One dimension varied at a time from the code of a real image, the others held."""
    means = source.measured.means
    row = first_of_each_class(source.measured)[0]
    used = np.argsort(-means.var(0), kind="stable")[:_DIMENSIONS]
    codes = np.repeat(means[row][None], len(used) * len(_REACH), 0).reshape(len(used), len(_REACH), -1)
    for line, dimension in enumerate(used):
        codes[line, :, dimension] = _REACH
    images = source.measured.decode(codes.reshape(-1, codes.shape[-1]), source.measured.condition_of(row))
    figure = image_grid(
        images.reshape(*codes.shape[:2], *images.shape[1:]),
        [f"z{dimension + 1}" for dimension in used],
        [f"{value:.1f}" for value in _REACH],
        "dimension",
        "its value, the others held",
        f"{source.title}: one dimension at a time",
    )
    most = (
        f" The {_DIMENSIONS} whose posterior means vary most are shown, the most first." if means.shape[1] > 10 else ""
    )
    return figure, (
        "Each row varies one dimension of z from -3 to 3 and holds the others at the code of one real image. Look "
        f"for what changes along a row, and whether it is one property or several at once.{most}"
    )


def _pairs(source: FigureSource) -> list[tuple[str, int, int]]:
    """Pairs of images to go between: name, row and row."""
    labels, classes = source.measured.labels, source.measured.data.classes
    if labels is None:
        return [(f"{a} to {a + 1}", a, a + 1) for a in range(0, 8, 2)]
    rows = {classes[labels[row]]: row for row in typical_of_each_class(source.measured)}
    names = list(rows)
    if source.model.spec.conditional or len(names) == 1:
        # Within a class, since one label holds along the path.
        pairs = []
        for name in names[:4]:
            of_class = np.flatnonzero(labels == classes.index(name))
            pairs.append((f"{name} to {name}", int(of_class[0]), int(of_class[-1])))
        return pairs
    known = [(a, b) for a, b in (("3", "8"), ("4", "9"), ("1", "7"), ("0", "6")) if a in rows and b in rows]
    chosen = known or list(zip(names[::2], names[1::2], strict=False))[:4]
    return [(f"{a} to {b}", rows[a], rows[b]) for a, b in chosen]


def interpolations(source: FigureSource) -> tuple[Figure, str]:
    """Ten steps between the codes of two real images, on the line and on the sphere."""
    means = source.measured.means
    rows, names = [], []
    for name, a, b in _pairs(source):
        for kind, path in (("linear", linear), ("spherical", spherical)):
            decoded = source.measured.decode(path(means[a], means[b]), source.measured.condition_of(a))
            ends = source.measured.pixels[[a, b]].numpy()
            rows.append(np.concatenate([ends[:1], decoded, ends[1:]]))
            names.append(f"{name}, {kind}")
    figure = image_grid(
        np.stack(rows),
        names,
        ["from", *(str(step + 1) for step in range(STEPS)), "to"],
        "",
        "steps between the two codes",
        f"{source.title}: interpolations",
        gaps=(range(2, len(rows), 2), (1, STEPS + 1)),
    )
    return figure, (
        "Ten steps between the posterior means of two real images, which stand at the ends: on the straight line, "
        "and on the great circle, which keeps the codes' distance from the origin. Look for sudden changes, and for "
        "classes that lie on the way."
    )
