"""True posteriors of images compared with those of the encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import Floats, check_channels, checked_arrays
from vaelab.plots.style import AMOUNTS, DENSITY, ORANGE, PALE_BLUE, styled

_ANGLES = np.linspace(0, 2 * np.pi, 181)
# In inches: side of a panel, side of the image to its left, and margins for labels.
_PANEL, _IMAGE, _EDGE = 1.6, 0.55, 0.07
_LEFT, _RIGHT, _ABOVE, _BELOW = 1.12, 0.16, 0.52, 0.42
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])


def true_posterior(
    images: ArrayLike,
    ticks: Sequence[ArrayLike],
    density: Sequence[ArrayLike],
    q: tuple[ArrayLike, ArrayLike],
    best: tuple[ArrayLike, ArrayLike],
    gaps: ArrayLike,
    title: str = "",
) -> Figure:
    """One panel per image: its true posterior p(z | x), with q(z | x) and the best Gaussian drawn over it.

    A Gaussian is drawn as the ellipses of one and two standard deviations: the points at Mahalanobis distance 1 and 2
    from its mean. The colours of each panel are scaled to its highest density; its limits enclose the ellipses and the
    points whose density is above a hundredth of the highest.

    Args:
        images: values in [0, 1], (N, C, H, W), C = 1 for grey or 3 for RGB.
        ticks: for each image, coordinates z1 and z2 of the grid points, ascending, (2, T).
        density: for each image, its true posterior at the grid points, rows z2, columns z1, (T, T).
        q: means and covariances of the encoder's posteriors, (N, 2) and (N, 2, 2).
        best: means and covariances of the best Gaussians, (N, 2) and (N, 2, 2).
        gaps: approximation gap and amortisation gap, nats, (N, 2); their sum is KL(q(z | x) || p(z | x)).
        title: title of the figure.

    Raises:
        UserError: the shapes of the arrays do not match, the images are neither grey nor RGB, or a covariance is not
            positive definite.
    """
    pixels, means, covariances, best_means, best_covariances, nats = checked_arrays(
        images=(images, "N C H W"),
        **{"q[0]": (q[0], "N 2"), "q[1]": (q[1], "N 2 2"), "best[0]": (best[0], "N 2"), "best[1]": (best[1], "N 2 2")},
        gaps=(gaps, "N 2"),
    )
    check_channels(pixels)
    for name, given in (("ticks", ticks), ("density", density)):
        if len(given) != len(pixels):
            raise UserError(f"{name} has {len(given)} entries, but images has {len(pixels)}; give one per image")
    across = min(2, len(pixels))
    down = -(-len(pixels) // across)
    wide, high = _LEFT + _PANEL + _RIGHT, _ABOVE + _PANEL + _BELOW
    heading, legend = 0.24 * bool(title), 0.3 if across > 1 else 0.65
    width, height = across * wide, down * high + heading + legend
    with styled():
        # Fixed positions: automatic layouts leave no room for text above and below panels of a fixed shape.
        figure = Figure(figsize=(width, height))
        for n in range(len(pixels)):
            row, column = divmod(n, across)
            left, low = column * wide + _LEFT, height - heading - row * high - _ABOVE - _PANEL
            thumbnail = figure.add_axes(
                (
                    (column * wide + _EDGE) / width,
                    (low + (_PANEL - _IMAGE) / 2) / height,
                    _IMAGE / width,
                    _IMAGE / height,
                )
            )
            thumbnail.imshow(pixels[n].transpose(1, 2, 0).clip(0, 1).squeeze(), cmap="gray", vmin=0, vmax=1)
            thumbnail.set_axis_off()
            panel = figure.add_axes((left / width, low / height, _PANEL / width, _PANEL / height))
            z, values = checked_arrays(**{f"ticks[{n}]": (ticks[n], "2 T"), f"density[{n}]": (density[n], "T T")})
            solid = [_ellipse(means[n], covariances[n], radius, "q[1]") for radius in (1, 2)]
            dashed = [_ellipse(best_means[n], best_covariances[n], radius, "best[1]") for radius in (1, 2)]
            _draw(panel, z, values, solid, dashed)
            approximation, amortisation = nats[n]
            whole = f"KL {approximation + amortisation:.2f} nats ="
            parts = f"{approximation:z.2f} approximation\n{amortisation:+z.2f} amortisation"
            panel.set_title(f"{whole}\n{parts}".replace("-", "−"), size=8, loc="left", pad=3)
        keys = [
            Patch(color=PALE_BLUE, label="true posterior"),
            Line2D([], [], color=ORANGE, lw=1.3, label="q(z|x), 1 and 2 s.d."),
            Line2D([], [], color="black", lw=1, ls="--", label="best Gaussian"),
        ]
        figure.legend(handles=keys, loc="lower center", ncols=len(keys) if across > 1 else 1)
        if title:
            figure.suptitle(title, y=1 - _EDGE / height, va="top")
    return figure


def _draw(panel: Axes, z: Floats, density: Floats, solid: Sequence[Floats], dashed: Sequence[Floats]) -> None:
    """Draw a density with ellipses over it, in a square that encloses both."""
    half = (z[:, 1] - z[:, 0]) / 2
    (left, low), (right, high) = z[:, 0] - half, z[:, -1] + half
    image = panel.imshow(
        density,
        cmap=AMOUNTS,
        vmin=0,
        # Above the highest density, so that a dashed line is visible on the darkest blue.
        vmax=1.3 * density.max(),
        origin="lower",
        extent=(left, right, low, high),
        interpolation="bilinear",
    )
    image.set_gid(DENSITY)
    for q, best in zip(solid, dashed, strict=True):
        panel.plot(*q, color=ORANGE, lw=1.3)
        panel.plot(*best, color="black", lw=1, ls="--")
    rows, columns = np.nonzero(density > density.max() / 100)
    visible = np.concatenate([np.stack([z[0, columns], z[1, rows]]), *solid, *dashed], axis=1)
    reach = 0.54 * np.ptp(visible, axis=1).max() * np.array([-1, 1])
    middle = (visible.min(1) + visible.max(1)) / 2
    panel.set(xlim=middle[0] + reach, ylim=middle[1] + reach, xlabel="z1", ylabel="z2")
    panel.grid(False)
    panel.tick_params(labelsize=8)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def _ellipse(mean: Floats, covariance: Floats, radius: float, name: str) -> Floats:
    """Points at Mahalanobis distance `radius` from the mean, (2, 181)."""
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise UserError(
            f"{name} holds {covariance.tolist()}, which is not positive definite; give covariances, not standard "
            "deviations"
        ) from None
    points: Floats = mean[:, None] + radius * root @ _CIRCLE
    return points
