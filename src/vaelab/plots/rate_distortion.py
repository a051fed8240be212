"""The rate-distortion plane of models trained with different beta."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import Floats, checked_arrays
from vaelab.plots.names import write_names
from vaelab.plots.style import BLUE, GREY, ORANGE, styled

# Half the length of a tangent, as a fraction of the axes.
_TANGENT = 0.06
# Offset from a point to the centre of its name, in points.
_OFFSET = (24.0, 9.0)


def rate_distortion(
    beta: ArrayLike,
    rate: ArrayLike,
    distortion: ArrayLike,
    distortion_is: str = "negative log-likelihood",
    title: str = "",
) -> Figure:
    """Rate R and distortion D of a beta-VAE for each beta (Alemi et al. 2018).

    Models that minimise D + beta R lie on a convex curve of slope dD / dR = -beta. Each mean has a short line of that
    slope, which is tangent to the curve if training reached the optimum. The diagonals are lines of equal D + R, given
    on the right axis; if the distortion is a negative log-likelihood, D + R = -ELBO.

    Args:
        beta: weights of the rate, (B,), in any order.
        rate: KL(q(z | x) || p(z)), nats per image, (S, B) for S seeds.
        distortion: reconstruction, nats per image, (S, B).
        distortion_is: name of the reconstruction, such as "cross-entropy".
        title: title of the figure.

    Raises:
        UserError: the shapes of the arrays do not match, or a beta is negative.
    """
    betas, rates, distortions = checked_arrays(beta=(beta, "B"), rate=(rate, "S B"), distortion=(distortion, "S B"))
    if betas.min() < 0:
        raise UserError(f"beta holds {betas.min():g}, but must be >= 0; give weights of the rate")
    order = np.argsort(betas, kind="stable")
    betas, rates, distortions = betas[order], rates[:, order], distortions[:, order]
    means = np.stack([rates.mean(0), distortions.mean(0)], 1)
    with styled():
        figure = Figure(figsize=(6.5, 4.8), layout="constrained")
        axes = figure.subplots()
        _limits(axes, rates, distortions)
        _diagonals(axes, "-ELBO = " if distortion_is == "negative log-likelihood" else "")
        for r, d in zip(rates, distortions, strict=True):
            axes.plot(r, d, "o", color=BLUE, ms=3.5, alpha=0.7)
        runs = f"{len(rates)} seeds and their mean" if len(rates) > 1 else "one seed"
        axes.plot([], [], "o-", color=BLUE, ms=3.5, label=runs)
        axes.plot(*means.T, color=BLUE)
        _tangents(axes, betas, means)
        axes.set(xlabel="rate (nats per image)", ylabel=f"distortion, {distortion_is} (nats per image)", title=title)
        axes.legend(loc="upper right", frameon=True, framealpha=1, edgecolor="none")
        figure.draw_without_rendering()
        _names(axes, betas, means)
    return figure


def _limits(axes: Axes, rates: Floats, distortions: Floats) -> None:
    """Set the limits: rate from zero, a margin around the points, and room for the legend."""
    width, height = rates.max() or 1.0, np.ptp(distortions) or 10.0
    axes.set_xlim(min(0.0, rates.min()) - 0.02 * width, 1.12 * width)
    axes.set_ylim(distortions.min() - 0.08 * height, distortions.max() + 0.16 * height)


def _diagonals(axes: Axes, also: str) -> None:
    """Draw lines of equal D + R, and an axis of D + R on the right, where the lines end."""
    edge, (low, high) = axes.get_xlim()[1], axes.get_ylim()
    right = axes.secondary_yaxis("right", functions=(lambda d: np.add(d, edge), lambda total: np.subtract(total, edge)))
    levels = np.asarray(MaxNLocator(8).tick_values(low + edge, high + edge))
    right.set_yticks(levels[(levels >= low + edge) & (levels <= high + edge)])
    right.set_ylabel(f"{also}distortion + rate, along the diagonals")
    right.spines["right"].set_visible(False)
    for level in levels:
        axes.axline((edge, level - edge), slope=-1, color=GREY, lw=0.7, zorder=1)
    axes.grid(False)


def _tangents(axes: Axes, betas: Floats, means: Floats) -> None:
    """Draw a line of slope -beta through each point, all of the same length on the page."""
    width, height = np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())
    run = _TANGENT / np.hypot(1 / width, betas / height)
    ends = means[:, None] + np.stack([run, -betas * run], 1)[:, None] * np.array([[-1], [1]])
    for index, line in enumerate(ends):
        axes.plot(*line.T, color=ORANGE, lw=1.2, label=None if index else "slope -β, as at an optimum")


def _names(axes: Axes, betas: Floats, means: Floats) -> None:
    """Write each beta above and to the right of its point, off the curve."""
    shifted = axes.transData.transform(means) + np.array(_OFFSET) * axes.figure.dpi / 72
    positions = axes.transData.inverted().transform(shifted)
    for text in write_names(axes, positions, [f"β = {value:g}" for value in betas]):
        if text.arrow_patch is not None:
            # The line would end at the offset position, not at the point.
            text.arrow_patch.set_visible(False)
