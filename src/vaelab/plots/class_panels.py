"""One panel per class: its points over all others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from vaelab.plots.arrays import checked_arrays, class_numbers
from vaelab.plots.latent_scatter import MANY_POINTS
from vaelab.plots.style import GREY, class_colours, styled


def class_panels(
    means: ArrayLike,
    labels: ArrayLike,
    classes: Sequence[str],
    axes: tuple[str, str] = ("z1", "z2"),
    title: str = "",
) -> Figure:
    """One panel per class: its points in colour over the points of all other classes in grey.

    If the model separates the classes, the coloured points cover part of the grey ones; if it mixes them, as a
    conditional model does, they cover all.

    Args:
        means: means of q(z | x), (N, 2).
        labels: class of each image, (N,), counted from 0; -1 for an unknown one, which is grey in every panel.
        classes: names of the classes, in order.
        axes: names of the two dimensions.
        title: title of the figure.

    Raises:
        UserError: the shapes of the arrays do not match, or a label is neither the index of a class nor -1.
    """
    points = checked_arrays(means=(means, "N 2"), labels=(labels, "N"))[0]
    numbers = class_numbers(labels, classes)
    across = min(5 if len(classes) <= 15 else 8, len(classes))
    down = -(-len(classes) // across)
    size = float(np.clip(8_000 / len(points), 0.8, 8))
    side = {5: 1.15, 8: 0.85}.get(across, 1.6)
    with styled():
        figure = Figure(
            figsize=(side * across + 0.5, (side + 0.22) * down + 0.4 + 0.25 * bool(title)), layout="compressed"
        )
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flatten()
        for panel, name, number, colour in zip(
            panels, classes, range(len(classes)), itertools.cycle(class_colours(10)), strict=False
        ):
            members = numbers == number
            for rows, shade, layer in ((~members, GREY, 2), (members, colour, 3)):
                panel.scatter(
                    *points[rows].T, s=size, color=shade, lw=0, zorder=layer, rasterized=len(points) > MANY_POINTS
                )
            panel.set_title(name, size=9, pad=3)
            panel.set_aspect("equal", adjustable="box")
            panel.tick_params(labelsize=8)
        for panel in panels[len(classes) :]:
            panel.set_visible(False)
        low, high = points.min(0), points.max(0)
        half = 0.53 * float((high - low).max()) or 1.0
        for which, middle in zip("xy", (low + high) / 2, strict=True):
            panels[0].set(**{f"{which}lim": (middle - half, middle + half)})
        for axis in (panels[0].xaxis, panels[0].yaxis):
            axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        figure.supxlabel(axes[0], size=9)
        figure.supylabel(axes[1], size=9)
        if title:
            figure.suptitle(title)
    return figure
