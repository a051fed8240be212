"""Curves over epochs, a thin one a seed and a thick one a group."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import fitting
from vaelab.plots.style import class_colours, styled

_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)))


def seed_curves(
    epoch: ArrayLike,
    groups: Mapping[str, ArrayLike],
    ylabel: str,
    title: str = "",
) -> Figure:
    """How a number goes over epochs in groups of runs, such as with and without KL warm-up.

    Args:
        epoch: epoch numbers, (E,).
        groups: for each name the values of its seeds, (S, E); the groups can differ in S.
        ylabel: what the number is and its unit.
        title: above the figure.

    Raises:
        UserError: no group, or arrays that do not fit `epoch`.
    """
    if not groups:
        raise UserError("groups is empty; give at least one group of runs")
    with styled():
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        for place, ((name, values), colour) in enumerate(zip(groups.items(), class_colours(len(groups)), strict=True)):
            t, seeds = fitting(epoch=(epoch, "E"), **{f"groups[{name!r}]": (values, "S E")})
            dashes, marker = _DASHES[place % 4], "o" if len(t) == 1 else None
            for row in seeds:
                axes.plot(t, row, color=colour, ls=dashes, lw=0.6, alpha=0.6, marker=marker, ms=3)
            runs = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"
            axes.plot(t, seeds.mean(0), color=colour, ls=dashes, lw=2.4, marker=marker, label=f"{name}, {runs}")
        axes.set(xlabel="epoch", ylabel=ylabel, title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(handlelength=3)
    return figure
