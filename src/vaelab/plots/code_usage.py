"""Code usage of a discrete latent space."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import checked_arrays
from vaelab.plots.style import DASHES, class_colours, styled


def code_usage(counts: ArrayLike, title: str = "") -> Figure:
    """Relative frequency of each code, most used first, one line per level, with perplexity and unused codes.

        perplexity = exp(-sum_k p_k log p_k)

    It is K if all K codes are used equally, and 1 if only one is used (van den Oord et al. 2017).

    Args:
        counts: number of uses of each code, (L, K) for L levels, or (K,) for one.
        title: title of the figure.

    Raises:
        UserError: `counts` has the wrong shape, a negative count, or a level without counts.
    """
    array = np.asarray(counts, float)
    (levels,) = checked_arrays(counts=(array[None] if array.ndim == 1 else array, "L K"))
    if levels.min() < 0 or not levels.sum(1).all():
        raise UserError("counts holds a negative number or a level of zeros; count the codes of some images")
    codes = levels.shape[1]
    rank = np.arange(1, codes + 1)
    with styled():
        figure = Figure(figsize=(6, 3.4 + 0.17 * (len(levels) + 1)), layout="constrained")
        axes = figure.subplots()
        for level, (row, colour) in enumerate(zip(levels, class_colours(len(levels)), strict=True)):
            share = -np.sort(-row / row.sum())
            used = share[share > 0]
            perplexity = np.exp(-(used * np.log(used)).sum())
            name = f"level {level + 1}: " if len(levels) > 1 else ""
            dead = codes - len(used)
            axes.plot(
                rank[: len(used)],
                used,
                color=colour,
                ls=DASHES[level % len(DASHES)],
                marker="o" if len(used) == 1 else None,
                label=f"{name}perplexity {perplexity:.1f}, {dead} of {codes} codes unused",
            )
        axes.axhline(1 / codes, color="#777777", lw=1, ls=(0, (1, 2)), label=f"uniform: perplexity {codes}")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.set_xlim(0, codes + 1)
        axes.set(xlabel="code, most used first", ylabel="relative frequency")
        figure.legend(loc="outside lower center", handlelength=3)
        if title:
            axes.set_title(title)
    return figure
