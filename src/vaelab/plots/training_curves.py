"""Reconstruction, KL, their ratio and beta over epochs."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter
from numpy.typing import ArrayLike

from vaelab.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, styled


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
    """Four panels over epochs: reconstruction, KL before beta, reconstruction / KL, and beta.

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
        figure = Figure(figsize=(8, 5.2), layout="constrained")
        panels = figure.subplots(2, 2, sharex=True).flatten()
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio, test_ratio = r / k, (tr / tk if tr is not None and tk is not None else None)
        for axes, values, tests, colour, label in (
            (panels[0], r, tr, BLUE, f"{reconstruction_is} (nats)"),
            (panels[1], k, tk, ORANGE, "KL before beta (nats)"),
            (panels[2], ratio, test_ratio, PURPLE, "reconstruction / KL"),
            (panels[3], b, None, GREEN, "beta"),
        ):
            marker = "o" if len(t) == 1 else None
            axes.plot(t, values, color=colour, marker=marker, label="train, running average")
            if tests is not None:
                axes.plot(t, tests, color=colour, marker=marker, ls=(0, (4, 2)), label="test, full pass")
            axes.set_ylabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            warm = t[b < b[-1]]
            if len(warm):
                axes.axvspan(t[0], warm[-1] + 1, color=GREY, alpha=0.25, lw=0, label="warm-up")
        for axes in panels[2:]:
            axes.set_xlabel("epoch")
        # The ratio falls by several orders of magnitude when the posterior leaves the prior.
        panels[2].set_yscale("log")
        panels[2].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        low, high = panels[2].get_ylim()
        panels[2].yaxis.set_minor_formatter(StrMethodFormatter("{x:g}") if high < 10 * low else NullFormatter())
        panels[3].set_ylim(bottom=0)
        panels[0].legend()
        if title:
            figure.suptitle(title)
    return figure
