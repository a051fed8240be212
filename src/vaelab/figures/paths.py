"""Paths through the latent space: along one dimension, and between two images."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaelab.figures.rows import classes_present, first_of_each_class, members_of, typical_of_each_class
from vaelab.figures.source import FigureSource
from vaelab.plots import image_grid

STEPS = 10
_DIMENSIONS = 10
_REACH = np.linspace(-3, 3, 11)


def linear(start: NDArray[Any], stop: NDArray[Any], steps: int = STEPS) -> NDArray[Any]:
    """Points on the straight line between two latents, ends included, (steps, D).

    >>> linear(np.zeros(1, np.float32), np.ones(1, np.float32), 3).ravel().tolist()
    [0.0, 0.5, 1.0]
    """
    t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    points: NDArray[Any] = (1 - t) * start + t * stop
    return points


def spherical(start: NDArray[Any], stop: NDArray[Any], steps: int = STEPS) -> NDArray[Any]:
    """Points on the great circle between two latents, with linearly interpolated norm, (steps, D).

        z(t) = ((1 - t) |a| + t |b|) (sin((1 - t) w) a / |a| + sin(t w) b / |b|) / sin(w)

    w is the angle between a and b (Shoemake 1985; White 2016). If a, b and the origin are collinear, the great circle
    is undetermined and the points are those of `linear`.

    >>> a, b = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    >>> np.round(np.linalg.norm(spherical(a, b, 5), axis=1), 6).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    # In double precision, since sin(w) is small for nearly opposite latents.
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
    """One dimension varied at a time, the others fixed at the posterior mean of a real image."""
    means = source.measured.means
    row = first_of_each_class(source.measured)[0]
    dimensions = np.argsort(-means.var(0), kind="stable")[:_DIMENSIONS]
    z = np.repeat(means[row][None], len(dimensions) * len(_REACH), 0).reshape(len(dimensions), len(_REACH), -1)
    for line, dimension in enumerate(dimensions):
        z[line, :, dimension] = _REACH
    images = source.measured.decode(z.reshape(-1, z.shape[-1]), source.measured.condition_of(row))
    figure = image_grid(
        images.reshape(*z.shape[:2], *images.shape[1:]),
        [f"z{dimension + 1}" for dimension in dimensions],
        [f"{value:.1f}" for value in _REACH],
        "dimension",
        "value, other dimensions fixed",
        source.heading("one dimension at a time"),
    )
    width = means.shape[1]
    which = "Rows" if width <= _DIMENSIONS else f"The {_DIMENSIONS} of {width} dimensions that vary most; rows"
    order = f" {which} are in the order of the variance of their posterior means over images, largest first."
    order = order if width > 1 else ""
    return figure, (
        "Each row varies one dimension of z from -3 to 3 and fixes the others at the posterior mean of one real image. "
        f"Look for the property that changes along a row, and for rows in which several change at once.{order}"
    )


def _pairs(source: FigureSource) -> list[tuple[str, int, int]]:
    """Pairs of images to interpolate between: name and both rows."""
    labels, classes = source.measured.labels, source.measured.data.classes
    if labels is None:
        return [(f"{a} to {a + 1}", a, a + 1) for a in range(0, 8, 2)]
    rows = {classes[labels[row]]: row for row in typical_of_each_class(source.measured)}
    names = list(rows)
    if source.model.spec.conditional or len(names) == 1:
        # Within a class, since the label is constant along the path.
        return _far_apart(source)
    digits = [(a, b) for a, b in (("3", "8"), ("4", "9"), ("1", "7"), ("0", "6")) if a in rows and b in rows]
    selected = digits or list(zip(names[::2], names[1::2], strict=False))[:4]
    return [(f"{a} to {b}", rows[a], rows[b]) for a, b in selected]


def _far_apart(source: FigureSource) -> list[tuple[str, int, int]]:
    """Pairs of images of one class whose posterior means are far apart, for the four classes where they are farthest.

    The images are those at 2 and 98 per cent of the class along its first principal component, not its outliers.
    """
    means, pairs = source.measured.means, []
    for label in classes_present(source.measured):
        members = members_of(source.measured, label)
        centred = means[members] - means[members].mean(0)
        along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
        last = len(members) - 1
        order = members[np.argsort(along, kind="stable")]
        a, b = int(order[round(0.02 * last)]), int(order[round(0.98 * last)])
        name = source.measured.data.classes[label]
        pairs.append((float(np.linalg.norm(means[a] - means[b])), (f"{name} to {name}", a, b)))
    farthest = sorted(range(len(pairs)), key=lambda index: -pairs[index][0])[:4]
    return [pairs[index][1] for index in sorted(farthest)]


def interpolations(source: FigureSource) -> tuple[Figure, str]:
    """Ten steps between the posterior means of two real images, linear and spherical."""
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
        "steps between the two posterior means",
        source.heading("interpolations"),
        gaps=(range(2, len(rows), 2), (1, STEPS + 1)),
    )
    if source.model.spec.conditional:
        look_for = "The class stays the same, so the two images are chosen far apart. Look for sudden changes."
    else:
        look_for = "Look for sudden changes, and for other classes along the path."
    return figure, (
        "Ten steps between the posterior means of two real images, which are at the ends of the row: along the "
        f"straight line, and along the great circle, with the norm interpolated. {look_for}"
    )
