"""The latent plane as a grid of decoded images."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from vaelab.figures.source import FigureSource
from vaelab.measured import MeasuredModel
from vaelab.plots import image_grid

TICKS = np.linspace(-3, 3, 13)
_QUANTILES = 15


def plane_points(ticks: NDArray[np.float64]) -> NDArray[np.float32]:
    """Grid points of the plane with the ticks as coordinates, (T x T, 2).

    z2 falls from row to row and z1 rises from column to column, as in a plot of the plane.

    >>> plane_points(np.array([-1.0, 1.0])).tolist()
    [[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    """
    z1, z2 = np.meshgrid(ticks, ticks[::-1])
    return np.stack([z1, z2], -1).reshape(-1, 2).astype(np.float32)


def decoded_plane(
    measured: MeasuredModel, ticks: NDArray[np.float64], y: Tensor | int | None = None
) -> NDArray[np.float32]:
    """Images decoded at the points of `plane_points`, (T, T, C, H, W)."""
    images = measured.decode(plane_points(ticks), y)
    return images.reshape(len(ticks), len(ticks), *images.shape[1:])


def _grid(source: FigureSource, ticks: NDArray[np.float64], title: str, labels: list[str]) -> Figure:
    # One class of a conditional model; `class-planes` shows all of them.
    images = decoded_plane(source.measured, ticks, source.measured.any_condition)
    return image_grid(images, labels[::-1], labels, "z2", "z1", source.heading(f"{title}{decoded_as(source)}"))


def decoded_as(source: FigureSource) -> str:
    """Title suffix with the class under which a conditional model decodes the plane; empty for other models."""
    classes = source.model.format.classes
    return f", class {classes[0]}" if source.model.spec.conditional and classes else ""


def latent_plane(source: FigureSource) -> tuple[Figure, str]:
    """Images decoded on an even grid over [-3, 3] x [-3, 3]."""
    labels = [f"{tick:.0f}" if float(tick).is_integer() else "" for tick in np.round(TICKS, 6)]
    content = "Images decoded on an even grid over [-3, 3] x [-3, 3]: rows z2, columns z1."
    rare = "The edge is improbable: one draw from the prior in 370 has |z1| > 3, and as many have |z2| > 3."
    if source.model.spec.conditional:
        look_for = f"One condition throughout{decoded_as(source)}. Look for changes along each direction."
    else:
        look_for = (
            "Look for neighbouring classes, for smooth or abrupt transitions between them, and for blurred images at "
            "the transitions."
        )
    return _grid(source, TICKS, "the latent plane", labels), f"{content} {look_for} {rare}"


def latent_plane_quantiles(source: FigureSource) -> tuple[Figure, str]:
    """Images decoded at quantiles of the standard normal, which are equally probable under the prior."""
    ticks = np.array([NormalDist().inv_cdf((index + 0.5) / _QUANTILES) for index in range(_QUANTILES)])
    labels = [f"{tick:.1f}" for tick in ticks]
    content = (
        f"The same plane at {_QUANTILES} quantiles of the standard normal in each direction (Kingma and Welling 2014, "
        "figure 4): every image represents the same probability under the prior."
    )
    if source.model.spec.conditional:
        look_for = f"One condition throughout{decoded_as(source)}. Look for how similar most samples are."
    else:
        look_for = "Look for the share of each class, which is about its share among samples."
    return _grid(source, ticks, "the plane by quantiles", labels), f"{content} {look_for}"
