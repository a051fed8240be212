"""Figures of hierarchies and codebooks."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaelab.figures.rows import first_of_each_class
from vaelab.figures.source import FigureSource
from vaelab.plots import code_usage as draw_code_usage
from vaelab.plots import image_grid

_COUNT = 10
_ROWS = 8


def held_groups(source: FigureSource) -> tuple[Figure, str]:
    """Samples whose top groups of latents are those of a real image, the others drawn."""
    model = source.model
    row = first_of_each_class(source.measured)[0]
    code = torch.from_numpy(source.measured.means[row : row + 1]).float()
    label = None if source.measured.condition is None else source.measured.condition[row : row + 1]
    groups = len(model.widths)
    held = sorted({round(count) for count in np.linspace(0, groups, min(groups + 1, _ROWS))})
    rows = []
    for count in held:
        given = code[:, : sum(model.widths[:count])].expand(_COUNT, -1) if count else None
        labels = None if label is None else label.expand(_COUNT, *label.shape[1:])
        drawn = model.generate(_COUNT, labels, given=given).numpy()
        rows.append(np.concatenate([source.measured.pixels[row : row + 1].numpy(), drawn]))
    figure = image_grid(
        np.stack(rows),
        [f"{count} of {groups}" for count in held],
        ["image", *(str(index + 1) for index in range(_COUNT))],
        "groups held",
        "draws of the groups below",
        f"{source.title}: the top groups held",
        gaps=((), (1,)),
    )
    return figure, (
        "First column: a real image. The others: samples whose top groups of latents are held at that image's, and "
        "the rest drawn. Look for the group at which the image is settled, and for what those below still change."
    )


def code_usage(source: FigureSource) -> tuple[Figure, str]:
    """How often each code is used, over all places of the images shown."""

    def used(x: Tensor, y: Tensor | None) -> tuple[Tensor]:
        codes = source.model(x, y, 1).point_mass
        assert codes is not None
        return (codes.counts()[None],)

    counts = source.measured.map_images(used)[0].sum(0)
    figure = draw_code_usage(counts, title=f"{source.title}: use of the codes")
    return figure, (
        f"The use of each code over all positions of {source.measured.n_images:,} test images, the most frequent "
        "first, and equal use. Look for codes that are never used, and for the slope of the curve: perplexity is the "
        "number of codes that, used equally, would carry as much."
    )
