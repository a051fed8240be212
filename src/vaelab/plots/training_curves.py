"""Reconstruction, KL, their ratio and beta over epochs."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter
from numpy.typing import ArrayLike

from vaelab.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, styled

_DASHES = (0, (4, 2))


def training_curves(
    epoch: ArrayLike,
    reconstruction: ArrayLike,
    kl: ArrayLike,
    beta: ArrayLike,
    test_reconstruction: ArrayLike | None = None,
    test_kl: ArrayLike | None = None,
    reconstruction_is: str = "reconstruction",
    title: str = "",
) -> Figure:
    """Panels over epochs: reconstruction, KL before beta, reconstruction / KL, and beta if it changes.

    The warm-up, during which beta is below its final value, is shaded.

    Args:
        epoch: epoch numbers, (E,).
        reconstruction, kl: running averages over the training images of each epoch, nats per image, (E,).
        beta: weight of the KL in each epoch, (E,).
        test_reconstruction, test_kl: averages over the test images after each epoch, nats per image, (E,).
        reconstruction_is: name of the reconstruction, such as "cross-entropy".
        title: title of the figure.
    """
    t, r, k, b = (np.asarray(values, float) for values in (epoch, reconstruction, kl, beta))
    tested = test_reconstruction is not None and test_kl is not None
    tr, tk = (np.asarray(v, float) for v in (test_reconstruction, test_kl)) if tested else (None, None)
    with styled():
        figure = Figure(figsize=(5.6, 4.4), layout="constrained")
        # A beta that stays the same needs no panel.
        changes = bool((b != b[0]).any())
        places = figure.subplot_mosaic([["r", "k"], ["q", "b" if changes else "q"]], sharex=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio, test_ratio = r / k, (tr / tk if tr is not None and tk is not None else None)
        for name, values, tests, colour, label in (
            ("r", r, tr, BLUE, f"{reconstruction_is} (nats)"),
            ("k", k, tk, ORANGE, "KL before beta (nats)"),
            ("q", ratio, test_ratio, PURPLE, "reconstruction / KL"),
            ("b", b, None, GREEN, "beta"),
        ):
            if name not in places:
                continue
            axes, marker = places[name], "o" if len(t) == 1 else None
            axes.plot(t, values, color=colour, marker=marker)
            if tests is not None:
                axes.plot(t, tests, color=colour, marker=marker, ls=_DASHES)
            axes.set_ylabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            warm = t[b < b[-1]]
            if len(warm):
                axes.axvspan(t[0], warm[-1] + 1, color=GREY, alpha=0.25, lw=0)
            if name in "qb":
                axes.set_xlabel("epoch")
        # The ratio falls by several orders of magnitude when the posterior leaves the prior.
        low, high = places["q"].get_ylim()
        if high > 10 * max(low, 0.1):
            places["q"].set_yscale("log")
            places["q"].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            places["q"].yaxis.set_minor_formatter(NullFormatter())
        if changes:
            places["b"].set_ylim(bottom=0)
        # Black, since each panel has a colour of its own.
        keys: list[Line2D | Patch] = [Line2D([], [], color="black", label="train, running average")]
        keys += [Line2D([], [], color="black", ls=_DASHES, label="test, full pass")] if tested else []
        keys += [Patch(color=GREY, alpha=0.25, lw=0, label="warm-up")] if changes and (b < b[-1]).any() else []
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=3)
        if title:
            figure.suptitle(title)
    return figure
