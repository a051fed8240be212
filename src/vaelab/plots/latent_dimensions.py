"""Reconstruction, KL and total against the number of latent dimensions."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import checked_arrays
from vaelab.plots.style import BLUE, ORANGE, styled


def latent_dimensions(
    dimensions: ArrayLike,
    reconstruction: ArrayLike,
    kl: ArrayLike,
    total: ArrayLike,
    reconstruction_is: str = "reconstruction",
    title: str = "",
) -> Figure:
    """Total and reconstruction, and KL in a second panel, against the number of latent dimensions, on a log axis.

    Lines are means over seeds, bands one sample standard deviation (n - 1), points single seeds.

    Args:
        dimensions: numbers of latent dimensions, (M,).
        reconstruction, kl, total: nats per image, (M, S) for S seeds.
        reconstruction_is: name of the reconstruction, such as "cross-entropy".
        title: title of the figure.

    Raises:
        UserError: the shapes of the arrays do not match, or a number of dimensions is below 1.
    """
    d, r, k, t = checked_arrays(
        dimensions=(dimensions, "M"), reconstruction=(reconstruction, "M S"), kl=(kl, "M S"), total=(total, "M S")
    )
    if d.min() < 1:
        raise UserError(f"dimensions holds {d.min():g}, but must be >= 1; give numbers of latent dimensions")
    order = np.argsort(d)
    with styled():
        figure = Figure(figsize=(6, 4.4), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for axes, values, colour, dashes, name in (
            (above, t, "black", "-", "total"),
            (above, r, BLUE, (0, (5, 1.5)), reconstruction_is),
            (below, k, ORANGE, "-", "KL"),
        ):
            mean = values.mean(1)[order]
            axes.plot(d[order], mean, color=colour, ls=dashes, label=name, zorder=3)
            axes.plot(np.repeat(d, values.shape[1]), values.ravel(), ".", color=colour, ms=4, alpha=0.6, zorder=3)
            if values.shape[1] > 1:
                spread = values.std(1, ddof=1)[order]
                axes.fill_between(d[order], mean - spread, mean + spread, color=colour, alpha=0.18, lw=0)
        above.set_ylabel("nats per image")
        above.legend()
        below.set_ylabel("KL (nats per image)")
        below.set_xlabel("latent dimensions")
        below.set_xscale("log", base=2)
        below.set_xticks(d[order], [f"{value:g}" for value in d[order]])
        below.xaxis.set_minor_locator(NullLocator())
        if title:
            figure.suptitle(title)
    return figure
