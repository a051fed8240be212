"""The aggregate posterior against the prior N(0, I)."""

from __future__ import annotations

from math import lgamma, log, pi, sqrt

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch
from numpy.typing import ArrayLike

from vaelab.plots.arrays import Floats, checked_arrays
from vaelab.plots.style import AMOUNTS, BLUE, DENSITY, ORANGE, PALE_BLUE, styled

_MARGINALS = 8


def aggregate_posterior(z: ArrayLike, title: str = "") -> Figure:
    """The aggregate posterior compared with the prior p(z) = N(0, I).

        q(z) = 1/N sum_n q(z | x_n)

    The ELBO contains KL(q(z) || p(z)), and samples from the prior are good only where q(z) has mass (Hoffman and
    Johnson 2016). In two dimensions the figure shows the density on a log scale, the prior's contours at radius 1, 2
    and 3, and both marginals; otherwise the marginals of the first eight dimensions and the distribution of the
    squared norm of z, which under the prior is chi-squared with D degrees of freedom.

    Args:
        z: one draw from q(z | x) per image, (N, D).
        title: title of the figure.

    Raises:
        UserError: `z` has the wrong shape, or values that are not finite.
    """
    (draws,) = checked_arrays(z=(z, "N D"))
    with styled():
        figure = _plane(draws) if draws.shape[1] == 2 else _marginals(draws)
        if title:
            figure.suptitle(title)
    return figure


def _plane(z: Floats) -> Figure:
    reach = max(3.6, float(np.quantile(np.abs(z), 0.999)))
    bins = int(np.clip(2 * len(z) ** (1 / 3), 16, 80))
    edges = np.linspace(-reach, reach, bins + 1)
    # Normalised by all draws, including those beyond the edges.
    density = np.histogram2d(z[:, 0], z[:, 1], [edges, edges])[0].T / len(z) / (edges[1] - edges[0]) ** 2
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    plane = figure.subplots()
    # On a log scale from half a draw in a cell, since most cells beyond r = 1 hold a hundredth of the densest. A cell
    # with one draw is visible, one without has no colour.
    least = 0.5 / len(z) / (edges[1] - edges[0]) ** 2
    image = plane.imshow(
        density,
        origin="lower",
        extent=(-reach, reach, -reach, reach),
        cmap=AMOUNTS,
        norm=LogNorm(least, max(float(density.max()), 2 * least)),
    )
    image.set_gid(DENSITY)
    for radius in (1, 2, 3):
        plane.add_patch(Circle((0, 0), radius, fill=False, ec=ORANGE, lw=1.1))
    plane.set(xlabel="z1", ylabel="z2", xlim=(-reach, reach), ylim=(-reach, reach))
    plane.grid(False)
    above = plane.inset_axes((0, 1.03, 1, 0.2), sharex=plane)
    right = plane.inset_axes((1.03, 0, 0.2, 1), sharey=plane)
    _marginal(above, z[:, 0], edges)
    _marginal(right, z[:, 1], edges, upright=False)
    for side in (above, right):
        side.tick_params(labelbottom=False, labelleft=False, left=side is right, bottom=side is above)
        side.set(**{"ylim" if side is above else "xlim": (0, None)})
        side.grid(False)
    _scale(figure, plane, image)
    figure.legend(handles=_keys("N(0, I): r = 1, 2, 3"), loc="outside lower center", ncols=2)
    return figure


def _scale(figure: Figure, plane: Axes, image: AxesImage) -> None:
    """Draw the scale of a density beside it, as a picture like the density itself."""
    low, high = np.log10(image.get_clim())
    bar = figure.colorbar(ScalarMappable(Normalize(low, high), AMOUNTS), ax=plane, shrink=0.75, pad=0.03)
    bar.set_label("density of q(z)")
    if bar.solids is not None:
        bar.solids.remove()
    steps = np.linspace(0, 1, 256)[:, None]
    gradient = bar.ax.imshow(steps, extent=(0, 1, low, high), origin="lower", cmap=AMOUNTS, aspect="auto")
    gradient.set_gid(f"{DENSITY}-scale")
    ticks = [base * 10.0**power for power in range(-8, 8) for base in (1, 3)]
    shown = [tick for tick in ticks if low <= np.log10(tick) <= high]
    bar.set_ticks(list(np.log10(shown)), labels=[f"{tick:g}" for tick in shown])


def _marginals(z: Floats) -> Figure:
    count, dimensions = z.shape
    n_panels = min(dimensions, _MARGINALS)
    across = min(4, n_panels)
    rows = -(-n_panels // across)
    reach = max(3.6, float(np.quantile(np.abs(z[:, :n_panels]), 0.999)))
    edges = np.linspace(-reach, reach, int(np.clip(2 * count ** (1 / 3), 16, 60)) + 1)
    figure = Figure(figsize=(6, 1.35 * rows + 2.4), layout="constrained")
    grid = figure.add_gridspec(rows + 1, across, height_ratios=[1] * rows + [1.35])
    first: Axes | None = None
    for dimension in range(n_panels):
        row, column = divmod(dimension, across)
        axes = figure.add_subplot(grid[row, column], sharex=first, sharey=first)
        first = first or axes
        _marginal(axes, z[:, dimension], edges)
        axes.set_xlabel(f"z{dimension + 1}", labelpad=1)
        axes.tick_params(labelleft=column == 0)
        axes.set_ylabel("density" if column == 0 else "")

    squared = (z**2).sum(1)
    axes = figure.add_subplot(grid[rows, :])
    limit = max(float(np.quantile(squared, 0.999)), dimensions + 4 * sqrt(2 * dimensions))
    # The density of chi-squared with one degree of freedom is unbounded at zero.
    start = 0.05 if dimensions == 1 else 1e-9
    x = np.linspace(start, limit, 400)
    heights, sides = np.histogram(squared, np.linspace(0, limit, len(edges)))
    axes.stairs(heights / count / (sides[1] - sides[0]), sides, fill=True, color=PALE_BLUE)
    axes.plot(x, _chi_squared(x, dimensions), color=ORANGE)
    degrees = "one degree" if dimensions == 1 else f"{dimensions} degrees"
    axes.set(
        xlabel=f"squared norm of z; curve: chi-squared with {degrees} of freedom", ylabel="density", xlim=(0, limit)
    )
    figure.legend(handles=_keys("N(0, 1)"), loc="outside lower center", ncols=2)
    return figure


def _marginal(axes: Axes, values: Floats, edges: Floats, upright: bool = True) -> None:
    """Draw a histogram, normalised to a density, and the curve of N(0, 1)."""
    heights = np.histogram(values, edges)[0] / len(values) / (edges[1] - edges[0])
    axes.stairs(heights, edges, fill=True, color=PALE_BLUE, orientation="vertical" if upright else "horizontal")
    x = np.linspace(edges[0], edges[-1], 201)
    curve = np.exp(-(x**2) / 2) / sqrt(2 * pi)
    axes.plot(*((x, curve) if upright else (curve, x)), color=ORANGE, lw=1.3)


def _chi_squared(x: Floats, degrees: int) -> Floats:
    """The density of the squared norm of a standard normal vector."""
    k = degrees / 2
    return np.asarray(np.exp((k - 1) * np.log(x) - x / 2 - k * log(2) - lgamma(k)))


def _keys(prior: str) -> list[Patch | Line2D]:
    return [Patch(color=BLUE, alpha=0.5, label="draws from q(z)"), Line2D([], [], color=ORANGE, label=f"prior {prior}")]
