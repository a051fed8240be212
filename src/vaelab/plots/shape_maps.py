"""Measures of the shape of decoded images over the latent plane."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import checked_arrays
from vaelab.plots.style import GREY, styled


def shape_maps(
    z1: ArrayLike,
    z2: ArrayLike,
    maps: Mapping[str, ArrayLike],
    directions: Mapping[str, tuple[float, float]] | None = None,
    title: str = "",
) -> Figure:
    """One heat map per measure of the decoded images, with the direction along which the measure rises.

    Args:
        z1, z2: coordinates at which the plane was decoded, (W,) and (H,), rising or falling.
        maps: values of each measure, (H, W), by name and unit, such as "slant (degrees)"; NaN for an image without a
            value, drawn grey.
        directions: for each measure, the angle of its direction, degrees from the z1 axis towards the z2 axis, and the
            rank correlation of the measure with the position along it.
        title: title of the figure.

    Raises:
        UserError: there is no map, the shapes of the arrays do not match, or a direction has no map.
    """
    if not maps:
        raise UserError("maps is empty; give at least one measure")
    if unknown := (directions or {}).keys() - maps.keys():
        raise UserError(f"directions names {min(unknown)!r}, but maps has only {', '.join(maps)}")
    across = min(2, len(maps))
    down = -(-len(maps) // across)
    with styled():
        figure = Figure(figsize=(3.1 * across, 2.55 * down + 0.3 * bool(title)), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).flatten()
        for panel, (name, values) in zip(panels, maps.items(), strict=False):
            value = np.asarray(values, float)
            where = {f"maps[{name!r}]": (np.where(np.isnan(value), 0, value), "H W")}
            x, y, _ = checked_arrays(z1=(z1, "W"), z2=(z2, "H"), **where)
            panel.set_facecolor(GREY)
            # Rasterized, since vector graphics show seams between cells.
            mesh = panel.pcolormesh(
                x, y, np.ma.masked_invalid(value), cmap="viridis", shading="nearest", rasterized=True
            )
            panel.set_aspect("equal", adjustable="box")
            panel.grid(False)
            panel.set(xlabel="z1", ylabel="z2")
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
            figure.colorbar(mesh, ax=panel, label=name, shrink=0.9, aspect=18)
            if directions and name in directions:
                angle, correlation = directions[name]
                middle = np.array([(x.min() + x.max()) / 2, (y.min() + y.max()) / 2])
                reach = 0.36 * min(float(np.ptp(x)), float(np.ptp(y)))
                step = reach * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
                panel.annotate(
                    "",
                    tuple(middle + step),
                    tuple(middle - step),
                    arrowprops={
                        "arrowstyle": "-|>",
                        "color": "white",
                        "lw": 1.8,
                        "shrinkA": 0,
                        "shrinkB": 0,
                        "path_effects": [withStroke(linewidth=3.4, foreground="black")],
                    },
                )
                panel.set_title(f"along {angle:.0f}°: rank corr. {correlation:.2f}".replace("-", "−"), size=9)
        for panel in panels[len(maps) :]:
            panel.set_visible(False)
        if title:
            figure.suptitle(title)
    return figure
