"""Figures of conditional models: the effect of the label, and of z under a fixed label."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaelab.figures.paths import STEPS, linear
from vaelab.figures.plane import decoded_plane
from vaelab.figures.rows import classes_present, first_of_each_class, members_of
from vaelab.figures.source import FigureSource
from vaelab.plots import image_grid

_COUNT = 10
_REACH = np.linspace(-3, 3, 7)
# More classes would not be legible in one figure.
_MAX_CLASSES = 12


def _classes(source: FigureSource) -> tuple[str, ...]:
    """Names of the classes in the figure."""
    return tuple(source.model.format.classes[:_MAX_CLASSES])


def _class_limit(source: FigureSource) -> str:
    """Caption sentence for figures that leave out classes; empty for others."""
    count = len(source.model.format.classes)
    return f" The first {_MAX_CLASSES} of {count} classes are shown." if count > _MAX_CLASSES else ""


def _under_every_class(source: FigureSource, z: NDArray[Any]) -> NDArray[Any]:
    """Latents (N, D) decoded under every class in the figure, (N, K, C, H, W)."""
    return np.stack([source.measured.decode(z, label) for label in range(len(_classes(source)))], 1)


def class_samples(source: FigureSource) -> tuple[Figure, str]:
    """Ten images of each class, one draw of z per image."""
    classes = _classes(source)
    labels = torch.arange(len(classes)).repeat_interleave(_COUNT)
    images = source.model.generate(len(labels), labels).unflatten(0, (len(classes), _COUNT)).numpy()
    figure = image_grid(images, classes, [], "class", "ten draws of z", source.heading("samples of each class"))
    return figure, (
        "Ten images of each class, one draw of z from the prior per image. Look for images that do not belong to the "
        f"class of their row, and for the variation within a class.{_class_limit(source)}"
    )


def shared_style(source: FigureSource) -> tuple[Figure, str]:
    """Draws of z, each decoded under every class."""
    z = torch.randn(_COUNT, sum(source.model.widths)).numpy()
    figure = image_grid(
        _under_every_class(source, z),
        [str(index + 1) for index in range(_COUNT)],
        _classes(source),
        "draw of z",
        "class",
        source.heading("the same z under every class"),
    )
    return figure, (
        "Each row is one z, each column one class. Look along a row for common features, such as slant, thickness and "
        f"size: these are encoded by z, independently of the class.{_class_limit(source)}"
    )


def style_transfer(source: FigureSource) -> tuple[Figure, str]:
    """Posterior means of real images, decoded under every class."""
    rows, classes = first_of_each_class(source.measured)[:_COUNT], source.model.format.classes
    labels = source.measured.labels
    assert labels is not None
    originals = source.measured.pixels[rows].numpy()[:, None]
    images = np.concatenate([originals, _under_every_class(source, source.measured.means[rows])], 1)
    figure = image_grid(
        images,
        [classes[label] for label in labels[rows]],
        ["image", *_classes(source)],
        "class of the real image",
        "posterior mean decoded under class",
        source.heading("style transfer"),
        gaps=((), (1,)),
    )
    return figure, (
        "First column: real test images. Other columns: the posterior mean of each, decoded under every class. Look "
        "for the slant and stroke of the real image in its whole row. The column of its own class is its "
        f"reconstruction.{_class_limit(source)}"
    )


def class_interpolation(source: FigureSource) -> tuple[Figure, str]:
    """Paths through the latent space, each decoded under two labels."""
    classes, present = source.model.format.classes, classes_present(source.measured)
    preferred = [classes.index(name) for name in ("1", "7") if name in classes and classes.index(name) in present]
    first, second = preferred if len(preferred) == 2 else (present[0], present[-1])
    means, rows, names = source.measured.means, [], []
    ends = [members_of(source.measured, label) for label in (first, second)]
    for number in range(3):
        a, b = (int(members[min(number, len(members) - 1)]) for members in ends)
        path = linear(means[a], means[b])
        for label in (first, second):
            rows.append(source.measured.decode(path, label))
            names.append(f"path {number + 1}, class {classes[label]}")
    figure = image_grid(
        np.stack(rows),
        names,
        [str(step + 1) for step in range(STEPS)],
        "",
        f"steps from a {classes[first]} to a {classes[second]}",
        source.heading("one path, two labels"),
        gaps=(range(2, len(rows), 2), ()),
    )
    return figure, (
        f"Three straight paths from the posterior mean of a real {classes[first]} to that of a real {classes[second]}, "
        "each decoded under both labels. Look for the same change of style in both rows of a path, with the class "
        "constant along each row."
    )


def class_traversals(source: FigureSource) -> tuple[Figure, str]:
    """Each class along the first two dimensions of z."""
    width = sum(source.model.widths)
    dimensions = range(min(2, width))
    z = np.zeros((len(dimensions), len(_REACH), width), np.float32)
    for dimension in dimensions:
        z[dimension, :, dimension] = _REACH
    images = _under_every_class(source, z.reshape(-1, width)).swapaxes(0, 1)
    ticks = [f"{value:.0f}" for value in _REACH] * len(dimensions)
    both = len(dimensions) > 1
    figure = image_grid(
        images,
        _classes(source),
        ticks,
        "class",
        "z1, then z2, other dimensions zero" if both else "z1",
        source.heading("each class along z"),
        gaps=((), (len(_REACH),) if both else ()),
    )
    along = "z1 varies from -3 to 3 on the left, z2 on the right" if both else "z1 varies from -3 to 3"
    others = "; all other dimensions are zero" if width > len(dimensions) else ""
    return figure, (
        f"Each row is one class. {along}{others}. Look for the same change in every row.{_class_limit(source)}"
    )


def class_planes(source: FigureSource) -> tuple[Figure, str]:
    """The latent plane of each class, side by side."""
    classes, side = _classes(source), 6
    planes = [decoded_plane(source.measured, np.linspace(-2.5, 2.5, side), label) for label in range(len(classes))]
    across = min(5, len(planes))
    # White images fill the last row of planes.
    planes += [np.ones_like(planes[0])] * (-len(planes) % across)
    lines = [np.concatenate(planes[start : start + across], 1) for start in range(0, len(planes), across)]
    figure = image_grid(
        np.concatenate(lines, 0),
        [],
        [],
        "z2 from -2.5 to 2.5 in each plane",
        "z1 from -2.5 to 2.5 in each plane",
        source.heading("the latent plane of each class"),
        gaps=(range(side, side * len(lines), side), range(side, side * across, side)),
    )
    return figure, (
        f"One plane per class, in the order {', '.join(classes)}, each decoded over [-2.5, 2.5] x [-2.5, 2.5]. Look "
        f"for the same style at the same position in every plane.{_class_limit(source)}"
    )
