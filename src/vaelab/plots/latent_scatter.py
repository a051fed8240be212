"""Images as points in two dimensions, coloured by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from numpy.typing import ArrayLike, NDArray

from vaelab.plots.arrays import Floats, checked_arrays, class_numbers
from vaelab.plots.names import class_means, crowded, text_width, write_names
from vaelab.plots.style import BLUE, GREY, class_colours, styled

# More points are rasterized, since a vector file of them would be slow to open.
MANY_POINTS = 10_000
# More ellipses could not be distinguished.
_ELLIPSES = 150


def latent_scatter(
    means: ArrayLike,
    labels: ArrayLike | None = None,
    classes: Sequence[str] = (),
    deviations: ArrayLike | None = None,
    centroids: bool = True,
    axes: tuple[str, str] = ("z1", "z2"),
    prior: bool = True,
    title: str = "",
) -> Figure:
    """One point per image, in the colour of its class, with the name of each class at the mean of its points.

    Points are drawn in the given order, so that no class hides another if the images are shuffled. Names are left out
    if the class means lie so close together that most names would overlap: the classes are mixed, and have no places.

    Args:
        means: means of q(z | x), or positions in another two-dimensional map, (N, 2).
        labels: class of each image, (N,), counted from 0; -1 for an unknown one, whose point is grey.
        classes: names of the classes, in order.
        deviations: standard deviations of q(z | x), (N, 2), drawn as ellipses of one standard deviation for up to 150
            evenly spaced images.
        centroids: whether to write names at the class means, if these are apart.
        axes: names of the two dimensions, such as ("UMAP 1", "UMAP 2").
        prior: whether to draw circles of N(0, I) at radius 1, 2 and 3.
        title: title of the figure.

    Raises:
        UserError: the shapes of the arrays do not match, or a label is neither the index of a class nor -1.
    """
    (points,) = checked_arrays(means=(means, "N 2"))
    numbers, colours = None, [BLUE]
    if labels is not None:
        checked_arrays(means=(means, "N 2"), labels=(labels, "N"))
        numbers, colours = class_numbers(labels, classes), class_colours(len(classes))
    with styled():
        # A square plane over the whole width; the legend stands below it.
        figure = Figure(figsize=(5.4, 5.5), layout="constrained")
        plane = figure.subplots()
        draw_points(plane, points, numbers, colours, faint=deviations is not None)
        keys = class_keys(classes, colours) if numbers is not None else []
        if numbers is not None and (numbers < 0).any():
            keys += class_keys(["unknown"], [GREY])
        spread = np.zeros_like(points)
        if deviations is not None:
            spread = checked_arrays(means=(means, "N 2"), deviations=(deviations, "N 2"))[1]
        if prior:
            keys.append(draw_prior(plane))
            reach = 1.05 * max(3.1, float((np.abs(points) + spread).max()))
            plane.set(xlim=(-reach, reach), ylim=(-reach, reach))
        if deviations is not None:
            rows = np.unique(np.linspace(0, len(points) - 1, _ELLIPSES).astype(int))
            edges = to_rgba_array([*colours, GREY])[numbers[rows] if numbers is not None else np.zeros(len(rows), int)]
            _draw_ellipses(plane, points[rows], spread[rows], edges)
            keys.append(Line2D([], [], ls="", marker="o", mfc="none", mec="black", ms=9, label="q(z|x), one s.d."))
        # The plane of the prior is square; other maps get limits that fill the same square.
        plane.set_aspect("equal", adjustable="box" if prior else "datalim")
        plane.set(xlabel=axes[0], ylabel=axes[1], title=title)
        if keys:
            figure.legend(
                handles=keys,
                loc="outside lower center",
                ncols=_columns([str(key.get_label()) for key in keys]),
                handlelength=1.2,
                handletextpad=0.3,
                columnspacing=0.8,
                labelspacing=0.3,
            )
        if numbers is not None and centroids:
            figure.draw_without_rendering()
            centres = class_means(points, numbers, len(classes))
            if not crowded(plane, centres, classes):
                write_names(plane, centres, classes)
    return figure


def _columns(labels: Sequence[str]) -> int:
    """The largest number of legend columns that fit below the plane."""
    # In points: each label with its marker and spaces, and the width of the figure.
    widths = [text_width(label, 8) + 19 for label in labels]
    fits = (n for n in range(len(labels), 1, -1) if sum(map(max, np.array_split(widths, n))) <= 375)
    return next(fits, 1)


def draw_points(
    axes: Axes, points: Floats, labels: NDArray[np.int64] | None, colours: Sequence[str], faint: bool = False
) -> None:
    """Draw points (N, 2) in the colours of their classes, the smaller the more there are; -1 in grey, below."""
    if labels is not None and (labels < 0).any():
        order = np.argsort(labels >= 0, kind="stable")
        points, labels = points[order], labels[order]
    axes.scatter(
        points[:, 0],
        points[:, 1],
        # Thousands of points are so small that those in the middle leave each other visible.
        s=float(np.clip(9_000 / len(points), 1.5, 14)),
        c=to_rgba_array([*colours, GREY])[labels] if labels is not None else colours[0],
        alpha=0.25 if faint else 0.7,
        linewidths=0,
        zorder=2,
        rasterized=len(points) > MANY_POINTS,
    )


def draw_prior(axes: Axes) -> Line2D:
    """Draw circles of N(0, I) at radius 1, 2 and 3; returns their legend entry."""
    for radius in (1, 2, 3):
        axes.add_patch(Circle((0, 0), radius, fill=False, ec="#777777", lw=0.8, zorder=3))
    return Line2D([], [], color="#777777", lw=0.8, label="N(0, I), r = 1, 2, 3")


def class_keys(classes: Sequence[str], colours: Sequence[str]) -> list[Line2D]:
    """Legend entries: one dot per class in its colour."""
    dots = zip(classes, colours, strict=True)
    return [Line2D([], [], ls="", marker="o", ms=5, mew=0, color=colour, label=name) for name, colour in dots]


def _draw_ellipses(axes: Axes, centres: Floats, deviations: Floats, colours: Floats) -> None:
    """Draw diagonal Gaussians as ellipses of one standard deviation, two standard deviations wide along each axis."""
    axes.add_collection(
        EllipseCollection(
            2 * deviations[:, 0],
            2 * deviations[:, 1],
            np.zeros(len(centres)),
            units="xy",
            offsets=centres,
            offset_transform=axes.transData,
            facecolors="none",
            edgecolors=colours,
            linewidths=0.9,
            zorder=4,
        )
    )
