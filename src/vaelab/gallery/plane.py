"""The latent plane as pictures: what the decoder makes of points of a grid."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from vaelab.figures import image_grid
from vaelab.gallery.subject import Array, Subject

TICKS = np.linspace(-3, 3, 13)
_QUANTILES = 15


def plane_codes(ticks: NDArray[np.float64]) -> Array:
    """Points of the plane whose coordinates are the ticks, (T x T, 2): rows from the highest z2, columns from the
    lowest z1, as a picture of the plane shows them.

    >>> plane_codes(np.array([-1.0, 1.0])).tolist()
    [[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    """
    z1, z2 = np.meshgrid(ticks, ticks[::-1])
    return np.stack([z1, z2], -1).reshape(-1, 2).astype(np.float32)


def decoded_plane(subject: Subject, ticks: NDArray[np.float64], y: Tensor | int | None = None) -> Array:
    """The decoder's mean pictures at the ticks, (T, T, C, H, W): rows z2 from above, columns z1."""
    pictures = subject.decode(plane_codes(ticks), y)
    return pictures.reshape(len(ticks), len(ticks), *pictures.shape[1:])


def _grid(subject: Subject, ticks: NDArray[np.float64], title: str, labels: list[str]) -> Figure:
    # A conditional model decodes its first class here; `class-planes` shows all of them.
    return image_grid(decoded_plane(subject, ticks, subject.any_condition()), labels[::-1], labels, "z2", "z1", title)


def _of_class(subject: Subject) -> str:
    classes = subject.model.images.classes
    return f", class {classes[0]}" if subject.model.spec.conditional and classes else ""


def latent_plane(subject: Subject) -> tuple[Figure, str]:
    """The decoder's picture at each point of an even grid over [-3, 3] x [-3, 3]."""
    labels = [f"{tick:.0f}" if float(tick).is_integer() else "" for tick in np.round(TICKS, 6)]
    figure = _grid(subject, TICKS, f"{subject.title}: the latent plane{_of_class(subject)}", labels)
    return figure, (
        "The decoder's mean picture at each point of an even grid over [-3, 3] x [-3, 3]: rows z2, columns z1. Look "
        "for which classes lie next to each other, how smoothly one becomes another, and blurred pictures between "
        "them. Corners are rare: the prior puts 1 draw in 370 beyond 3 in either direction."
    )


def latent_plane_quantiles(subject: Subject) -> tuple[Figure, str]:
    """The same with coordinates at quantiles of the normal, so that each picture stands for equal probability."""
    ticks = np.array([NormalDist().inv_cdf((index + 0.5) / _QUANTILES) for index in range(_QUANTILES)])
    labels = [f"{tick:.1f}" if index % 2 == 0 else "" for index, tick in enumerate(ticks)]
    figure = _grid(subject, ticks, f"{subject.title}: the plane by quantiles{_of_class(subject)}", labels)
    return figure, (
        f"The same plane at {_QUANTILES} quantiles of the standard normal in each direction (Kingma and Welling 2014, "
        "figure 4): every picture stands for the same probability under the prior, so this is what the model draws. "
        "Look for how much of it each class takes."
    )
