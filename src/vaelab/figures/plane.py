"""The latent plane as images: decoded points of a grid."""

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
    """Points of the plane with the ticks as coordinates, (T x T, 2).

    Rows run from the highest z2 down, columns from the lowest z1 up, as an image of the plane shows them.

    >>> plane_points(np.array([-1.0, 1.0])).tolist()
    [[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    """
    z1, z2 = np.meshgrid(ticks, ticks[::-1])
    return np.stack([z1, z2], -1).reshape(-1, 2).astype(np.float32)


def decoded_plane(
    measured: MeasuredModel, ticks: NDArray[np.float64], y: Tensor | int | None = None
) -> NDArray[np.float32]:
    """The decoded images at the ticks, (T, T, C, H, W): rows z2 from above, columns z1."""
    images = measured.decode(plane_points(ticks), y)
    return images.reshape(len(ticks), len(ticks), *images.shape[1:])


def _grid(source: FigureSource, ticks: NDArray[np.float64], title: str, labels: list[str]) -> Figure:
    # A conditional model decodes one class here; `class-planes` shows all of them.
    images = decoded_plane(source.measured, ticks, source.measured.any_condition)
    return image_grid(images, labels[::-1], labels, "z2", "z1", f"{source.title}: {title}{decoded_as(source)}")


def decoded_as(source: FigureSource) -> str:
    """The class that the plane of a conditional model is decoded with, for a title."""
    classes = source.model.format.classes
    return f", class {classes[0]}" if source.model.spec.conditional and classes else ""


def latent_plane(source: FigureSource) -> tuple[Figure, str]:
    """The decoded image at each point of an even grid over [-3, 3] x [-3, 3]."""
    labels = [f"{tick:.0f}" if float(tick).is_integer() else "" for tick in np.round(TICKS, 6)]
    what = "The decoded image at each point of an even grid over [-3, 3] x [-3, 3]: rows z2, columns z1."
    rare = "The edge is rare: one draw of the prior in 370 has |z1| > 3, and as few have |z2| > 3."
    if source.model.spec.conditional:
        look_for = f"One condition throughout{decoded_as(source)}. Look for changes along each direction."
    else:
        look_for = (
            "Look for which classes lie next to each other, how smoothly one becomes another, and blurred images "
            "between them."
        )
    return _grid(source, TICKS, "the latent plane", labels), f"{what} {look_for} {rare}"


def latent_plane_quantiles(source: FigureSource) -> tuple[Figure, str]:
    """The same with coordinates at quantiles of the normal, so that all images are equally probable."""
    ticks = np.array([NormalDist().inv_cdf((index + 0.5) / _QUANTILES) for index in range(_QUANTILES)])
    labels = [f"{tick:.1f}" if index % 2 == 0 else "" for index, tick in enumerate(ticks)]
    what = (
        f"The same plane at {_QUANTILES} quantiles of the standard normal in each direction (Kingma and Welling 2014, "
        "figure 4): every image stands for the same probability under the prior."
    )
    if source.model.spec.conditional:
        look_for = f"One condition throughout{decoded_as(source)}. Look for how similar most draws of it are."
    else:
        look_for = "So these are the draws of the model. Look for the share of each class."
    return _grid(source, ticks, "the plane by quantiles", labels), f"{what} {look_for}"
