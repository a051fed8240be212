"""Figures of conditional models: what the label decides, and what is left to z."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaelab.figures.paths import STEPS, linear
from vaelab.figures.plane import decoded_plane
from vaelab.figures.rows import first_of_each_class
from vaelab.figures.source import FigureSource
from vaelab.plots import image_grid

_COUNT = 10
_REACH = np.linspace(-3, 3, 7)
# As many classes as are still told apart side by side.
_CLASSES = 12


def _classes(source: FigureSource) -> tuple[str, ...]:
    """The names of the classes that are shown."""
    return tuple(source.model.format.classes[:_CLASSES])


def _of_all(source: FigureSource) -> str:
    """What is to be said where not every class is shown."""
    count = len(source.model.format.classes)
    return f" The first {_CLASSES} of {count} classes are shown." if count > _CLASSES else ""


def _under_every_class(source: FigureSource, codes: NDArray[Any]) -> NDArray[Any]:
    """Each code decoded under every class that is shown, (N, K, C, H, W)."""
    return np.stack([source.measured.decode(codes, label) for label in range(len(_classes(source)))], 1)


def class_samples(source: FigureSource) -> tuple[Figure, str]:
    """Ten images of each class, each from a draw of its own."""
    classes = _classes(source)
    labels = torch.arange(len(classes)).repeat_interleave(_COUNT)
    drawn = source.model.generate(len(labels), labels).unflatten(0, (len(classes), _COUNT)).numpy()
    figure = image_grid(drawn, classes, [], "class", "ten draws of z", f"{source.title}: samples of each class")
    return figure, (
        "Ten images of each class, z drawn from the prior anew for each. Look for images that are not of their "
        f"row's class, and for how much a class varies.{_of_all(source)}"
    )


def shared_style(source: FigureSource) -> tuple[Figure, str]:
    """Draws of z, each decoded under every class."""
    codes = torch.randn(_COUNT, sum(source.model.widths)).numpy()
    figure = image_grid(
        _under_every_class(source, codes),
        [str(index + 1) for index in range(_COUNT)],
        _classes(source),
        "draw of z",
        "class",
        f"{source.title}: the same z under every class",
    )
    return figure, (
        "Each row one z, each column a class. Look along a row for what the images share: slant, thickness, size. "
        f"That is what z holds besides the class.{_of_all(source)}"
    )


def style_transfer(source: FigureSource) -> tuple[Figure, str]:
    """The code of a real image decoded under every class."""
    rows, classes = first_of_each_class(source.measured)[:_COUNT], source.model.format.classes
    labels = source.measured.labels
    assert labels is not None
    sources = source.measured.pixels[rows].numpy()[:, None]
    images = np.concatenate([sources, _under_every_class(source, source.measured.means[rows])], 1)
    figure = image_grid(
        images,
        [classes[label] for label in labels[rows]],
        ["image", *_classes(source)],
        "a real image of class",
        "its posterior mean decoded as class",
        f"{source.title}: style transfer",
        gaps=((), (1,)),
    )
    return figure, (
        "First column: real test images. The others: the posterior mean of each, decoded under every class. Look for "
        "the slant and the stroke of the real image in its whole row, and at its own class for its reconstruction."
        f"{_of_all(source)}"
    )


def class_interpolation(source: FigureSource) -> tuple[Figure, str]:
    """One path through the latent under two labels."""
    classes, labels = source.model.format.classes, source.measured.labels
    assert labels is not None
    present = np.unique(labels).tolist()
    wanted = [classes.index(name) for name in ("1", "7") if name in classes and classes.index(name) in present]
    first, second = wanted if len(wanted) == 2 else (present[0], present[-1])
    means, rows, names = source.measured.means, [], []
    ends = [np.flatnonzero(labels == label) for label in (first, second)]
    for number in range(3):
        a, b = (int(of_class[min(number, len(of_class) - 1)]) for of_class in ends)
        path = linear(means[a], means[b])
        for label in (first, second):
            rows.append(source.measured.decode(path, label))
            names.append(f"path {number + 1}, class {classes[label]}")
    figure = image_grid(
        np.stack(rows),
        names,
        [str(step + 1) for step in range(STEPS)],
        "",
        f"steps from the code of a {classes[first]} to that of a {classes[second]}",
        f"{source.title}: one path, two labels",
        gaps=(range(2, len(rows), 2), ()),
    )
    return figure, (
        f"Three straight paths from the code of a real {classes[first]} to that of a real {classes[second]}, each "
        "decoded under both labels. Look for the same change of style in both rows of a path, while the class stays."
    )


def class_traversals(source: FigureSource) -> tuple[Figure, str]:
    """Every class along the first two dimensions of z."""
    width = sum(source.model.widths)
    dimensions = range(min(2, width))
    codes = np.zeros((len(dimensions), len(_REACH), width), np.float32)
    for dimension in dimensions:
        codes[dimension, :, dimension] = _REACH
    images = _under_every_class(source, codes.reshape(-1, width)).swapaxes(0, 1)
    ticks = [f"{value:.0f}" for value in _REACH] * len(dimensions)
    both = len(dimensions) > 1
    figure = image_grid(
        images,
        _classes(source),
        ticks,
        "class",
        "z1, then z2, the others zero" if both else "z1",
        f"{source.title}: each class along z",
        gaps=((), (len(_REACH),) if both else ()),
    )
    along = "on the left z1 goes from -3 to 3, on the right z2, with every other dimension zero" if both else "along z1"
    return figure, f"Each row a class, {along}. Look for the same change in every row.{_of_all(source)}"


def class_planes(source: FigureSource) -> tuple[Figure, str]:
    """The latent plane of each class, side by side."""
    classes, side = _classes(source), 6
    planes = [decoded_plane(source.measured, np.linspace(-2.5, 2.5, side), label) for label in range(len(classes))]
    across = min(5, len(planes))
    # What is left of the last line stays white.
    planes += [np.ones_like(planes[0])] * (-len(planes) % across)
    lines = [np.concatenate(planes[start : start + across], 1) for start in range(0, len(planes), across)]
    figure = image_grid(
        np.concatenate(lines, 0),
        [],
        [],
        "z2 from -2.5 to 2.5, in each plane",
        "z1 from -2.5 to 2.5, in each plane",
        f"{source.title}: the latent plane of each class",
        gaps=(range(side, side * len(lines), side), range(side, side * across, side)),
    )
    return figure, (
        f"One plane a class, in the order {', '.join(classes)}, each decoded over [-2.5, 2.5] x [-2.5, 2.5]. Look for "
        "the same style at the same place of every plane."
        f"{_of_all(source)}"
    )
