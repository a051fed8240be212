"""The latent dimensions that a model uses."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import checked_arrays
from vaelab.plots.style import BLUE, GREY, ORANGE, styled


def active_units(variance: ArrayLike, kl: ArrayLike | None = None, threshold: float = 0.01, title: str = "") -> Figure:
    """Bars of the variance of each dimension's posterior mean over images, in descending order, and of its KL.

    A dimension is active if Var_x(E[z | x]) is above the threshold (Burda, Grosse and Salakhutdinov 2016, section
    5.2); inactive dimensions are grey.

    Args:
        variance: variance of the posterior means over images, (D,).
        kl: KL of each dimension to the prior, averaged over images, nats, (D,); None if the KL does not split into
            dimensions.
        threshold: variance above which a dimension counts as active.
        title: title of the figure.

    Raises:
        UserError: the shapes of the arrays do not match, a variance is negative, or the threshold is not positive.
    """
    spread, nats = checked_arrays(variance=(variance, "D"), kl=(np.zeros_like(variance) if kl is None else kl, "D"))
    if spread.min() < 0:
        raise UserError(f"variance holds {spread.min():g}, but must be >= 0; give variances over images")
    if not threshold > 0:
        raise UserError(f"threshold is {threshold:g}, but must be > 0, since the axis is logarithmic")
    order = np.argsort(-spread, kind="stable")
    positions = np.arange(1, len(order) + 1)
    active = spread[order] > threshold
    colours = np.where(active, BLUE, GREY)
    with styled():
        figure = Figure(figsize=(6, 4 if kl is not None else 3), layout="constrained")
        ratios = (3, 2) if kl is not None else (1,)
        panels = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios, squeeze=False)[:, 0]
        above, last = panels[0], panels[-1]
        above.bar(positions, spread[order], color=colours, width=0.8)
        above.axhline(threshold, color=ORANGE, lw=1.2)
        above.set_yscale("log")
        above.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        floor = min([threshold, *spread[spread > 0]])
        above.set_ylim(floor / 3, 2 * max(float(spread.max()), threshold))
        above.set_ylabel("variance of the\nposterior mean")
        keys = [
            Patch(color=BLUE, label=f"{active.sum()} of {len(order)} dimensions active"),
            Line2D([], [], color=ORANGE, lw=1.2, label=f"threshold {threshold:g}"),
        ]
        above.legend(handles=keys, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, ncols=2)
        if kl is not None:
            last.bar(positions, nats[order], color=colours, width=0.8)
            last.set_ylabel("KL (nats)")
            last.set_ylim(bottom=min(0.0, float(nats.min())))
        last.set_xlim(0.2, len(order) + 0.8)
        for axes in panels:
            axes.grid(False, axis="x")
        if len(order) <= 32:
            last.set_xticks(positions, [f"{number + 1}" for number in order], size=9 if len(order) <= 20 else 7)
            last.set_xlabel("latent dimension, sorted by variance")
        else:
            last.xaxis.set_major_locator(MaxNLocator(integer=True))
            last.set_xlabel("rank by variance")
        if title:
            figure.suptitle(title)
    return figure
