"""The latent plane as images: what the decoder makes of points of a grid."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from vaelab.figures.shown import Array, Subject
from vaelab.plots import image_grid

TICKS = np.linspace(-3, 3, 13)
_QUANTILES = 15


def plane_codes(ticks: NDArray[np.float64]) -> Array:
    """Points of the plane whose coordinates are the ticks, (T x T, 2): rows from the highest z2, columns from the
    lowest z1, as an image of the plane shows them.

    >>> plane_codes(np.array([-1.0, 1.0])).tolist()
    [[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    """
    z1, z2 = np.meshgrid(ticks, ticks[::-1])
    return np.stack([z1, z2], -1).reshape(-1, 2).astype(np.float32)


def decoded_plane(subject: Subject, ticks: NDArray[np.float64], y: Tensor | int | None = None) -> Array:
    """The decoder's mean images at the ticks, (T, T, C, H, W): rows z2 from above, columns z1."""
    images = subject.decode(plane_codes(ticks), y)
    return images.reshape(len(ticks), len(ticks), *images.shape[1:])


def _grid(subject: Subject, ticks: NDArray[np.float64], title: str, labels: list[str]) -> Figure:
    # A conditional model decodes one class here; `class-planes` shows all of them.
    images = decoded_plane(subject, ticks, subject.any_condition())
    return image_grid(images, labels[::-1], labels, "z2", "z1", f"{subject.title}: {title}{decoded_as(subject)}")


def decoded_as(subject: Subject) -> str:
    """The class that a conditional model's plane is decoded as, for a title."""
    classes = subject.model.format.classes
    return f", class {classes[0]}" if subject.model.spec.conditional and classes else ""


def latent_plane(subject: Subject) -> tuple[Figure, str]:
    """The decoder's image at each point of an even grid over [-3, 3] x [-3, 3]."""
    labels = [f"{tick:.0f}" if float(tick).is_integer() else "" for tick in np.round(TICKS, 6)]
    what = "The decoder's mean image at each point of an even grid over [-3, 3] x [-3, 3]: rows z2, columns z1."
    rare = "The edge is rare: the prior puts one draw in 370 beyond 3 of z1, to either side, and as few of z2."
    if subject.model.spec.conditional:
        wanted = f"One condition throughout{decoded_as(subject)}. Look for what changes along each direction."
    else:
        wanted = (
            "Look for which classes lie next to each other, how smoothly one becomes another, and blurred images "
            "between them."
        )
    return _grid(subject, TICKS, "the latent plane", labels), f"{what} {wanted} {rare}"


def latent_plane_quantiles(subject: Subject) -> tuple[Figure, str]:
    """The same with coordinates at quantiles of the normal, so that each image stands for equal probability."""
    ticks = np.array([NormalDist().inv_cdf((index + 0.5) / _QUANTILES) for index in range(_QUANTILES)])
    labels = [f"{tick:.1f}" if index % 2 == 0 else "" for index, tick in enumerate(ticks)]
    what = (
        f"The same plane at {_QUANTILES} quantiles of the standard normal in each direction (Kingma and Welling 2014, "
        "figure 4): every image stands for the same probability under the prior."
    )
    if subject.model.spec.conditional:
        wanted = f"One condition throughout{decoded_as(subject)}. Look for how alike most draws of it are."
    else:
        wanted = "So this is what the model draws. Look for how much of it each class takes."
    return _grid(subject, ticks, "the plane by quantiles", labels), f"{what} {wanted}"
