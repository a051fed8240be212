"""Figures of decoded images: reconstructions and samples."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure

from vaelab.figures.rows import first_of_each_class
from vaelab.figures.source import FigureSource
from vaelab.plots import image_grid

_SIDE = 10


def reconstructions(source: FigureSource) -> tuple[Figure, str]:
    """Real images above their reconstructions, decoded from the posterior means."""
    measured = source.measured
    firsts = first_of_each_class(measured)
    rows, truncated = np.array(firsts[:_SIDE]), len(firsts) > _SIDE
    originals = measured.pixels[rows].numpy()
    decoded = measured.decode(measured.means[rows], None if measured.condition is None else measured.completed(rows))
    labels = measured.labels
    figure = image_grid(
        np.stack([originals, decoded]),
        ["image", "reconstruction"],
        [] if labels is None else [measured.data.classes[label] for label in labels[rows]],
        "",
        "" if labels is None else "class",
        source.heading("reconstructions"),
    )
    which = "" if labels is None else f", the first of each {'of the first ten classes' if truncated else 'class'},"
    return figure, (
        f"Test images{which} above their reconstructions, decoded from the posterior means. Look for lost details, and "
        "for images reconstructed as another class."
    )


def samples(source: FigureSource) -> tuple[Figure, str]:
    """Mean images decoded from draws of the prior."""
    count, spec, measured = _SIDE * _SIDE, source.model.spec, source.measured
    condition = None
    if spec.conditional and not source.model.format.classes:
        # There is no distribution of attributes to sample from, so those of real images are drawn.
        assert measured.condition is not None
        condition = measured.condition[torch.randint(len(measured.condition), (count,))]
    images = source.model.generate(count, condition).unflatten(0, (_SIDE, _SIDE)).numpy(force=True)
    figure = image_grid(images, title=source.heading("samples from the prior"))
    conditions = " The conditions are drawn too." if spec.conditional else ""
    return figure, (
        f"{count} mean images decoded from draws of z from the prior, without selection.{conditions} Look for images "
        "that belong to no class: their z lie where the prior has mass but no image is encoded."
    )
