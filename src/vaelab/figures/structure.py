"""Figures of hierarchical models and codebooks."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaelab.figures.rows import first_of_each_class
from vaelab.figures.source import FigureSource
from vaelab.plots import code_usage as draw_code_usage, image_grid

_COUNT = 10
_ROWS = 8


def held_groups(source: FigureSource) -> tuple[Figure, str]:
    """Samples with the top groups of latents fixed at those of a real image, the others drawn."""
    model = source.model
    row = first_of_each_class(source.measured)[0]
    mean = torch.from_numpy(source.measured.means[row : row + 1]).float()
    label = None if source.measured.condition is None else source.measured.condition[row : row + 1]
    groups = len(model.widths)
    held = sorted({round(count) for count in np.linspace(0, groups, min(groups + 1, _ROWS))})
    rows = []
    for count in held:
        given = mean[:, : sum(model.widths[:count])].expand(_COUNT, -1) if count else None
        labels = None if label is None else label.expand(_COUNT, *label.shape[1:])
        images = model.generate(_COUNT, labels, given=given).numpy()
        rows.append(np.concatenate([source.measured.pixels[row : row + 1].numpy(), images]))
    figure = image_grid(
        np.stack(rows),
        [f"{count} of {groups}" for count in held],
        ["image", *(str(index + 1) for index in range(_COUNT))],
        "groups fixed",
        "draws of the other groups",
        source.heading("the top groups fixed"),
        gaps=((), (1,)),
    )
    return figure, (
        "First column: a real image. Other columns: samples whose top groups of latents are fixed at the posterior "
        "means of that image, the rest drawn. Look for the number of groups that determines the image, and for the "
        "details that the other groups still change."
    )


def code_usage(source: FigureSource) -> tuple[Figure, str]:
    """Usage of each code over all positions of the images."""

    def count(x: Tensor, y: Tensor | None) -> tuple[Tensor]:
        used = source.model(x, y, 1).code_counts
        assert used is not None
        return (used[None],)

    counts = source.measured.map_images(count)[0].sum(0)
    figure = draw_code_usage(counts, title=source.heading("code usage"))
    return figure, (
        f"Usage of each code over all positions of {source.measured.n_images:,} test images, the most frequent first, "
        "and uniform usage. Look for codes that are never used, and for a steep curve. Perplexity is the number of "
        "codes that, used uniformly, would have the same entropy."
    )
