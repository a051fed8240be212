"""Curves over epochs, one thin line per seed and one thick line per group."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import checked_arrays
from vaelab.plots.style import DASHES, class_colours, styled


def seed_curves(
    epoch: ArrayLike,
    groups: Mapping[str, ArrayLike],
    ylabel: str,
    title: str = "",
) -> Figure:
    """A quantity over epochs for groups of runs, such as with and without KL warm-up.

    Args:
        epoch: epoch numbers, (E,).
        groups: values of each group, (S, E) for S seeds, by name; S may differ between groups.
        ylabel: name and unit of the quantity.
        title: title of the figure.

    Raises:
        UserError: there is no group, or the shape of an array does not match `epoch`.
    """
    if not groups:
        raise UserError("groups is empty; give at least one group of runs")
    with styled():
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        for index, ((name, values), colour) in enumerate(zip(groups.items(), class_colours(len(groups)), strict=True)):
            t, seeds = checked_arrays(epoch=(epoch, "E"), **{f"groups[{name!r}]": (values, "S E")})
            dashes, marker = DASHES[index % len(DASHES)], "o" if len(t) == 1 else None
            for row in seeds:
                axes.plot(t, row, color=colour, ls=dashes, lw=0.6, alpha=0.6, marker=marker, ms=3)
            runs = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"
            axes.plot(t, seeds.mean(0), color=colour, ls=dashes, lw=2.4, marker=marker, label=f"{name}, {runs}")
        axes.set(xlabel="epoch", ylabel=ylabel, title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(handlelength=3)
    return figure
