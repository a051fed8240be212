"""Figures of hierarchies and codebooks."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaelab.figures.shown import Subject
from vaelab.plots import code_usage as draw_code_usage
from vaelab.plots import image_grid

_COUNT = 10
_ROWS = 8


def held_groups(subject: Subject) -> tuple[Figure, str]:
    """Samples whose top groups of latents are those of a real image, the others drawn."""
    model = subject.model
    row = subject.first_of_each_class()[0]
    code = torch.from_numpy(subject.embedding.mean[row : row + 1])
    label = None if subject.condition is None else subject.condition[row : row + 1]
    groups = len(model.widths)
    held = sorted({round(count) for count in np.linspace(0, groups, min(groups + 1, _ROWS))})
    rows = []
    for count in held:
        given = code[:, : sum(model.widths[:count])].expand(_COUNT, -1) if count else None
        labels = None if label is None else label.expand(_COUNT, *label.shape[1:])
        drawn = model.generate(_COUNT, labels, given=given).numpy()
        rows.append(np.concatenate([subject.pixels[row : row + 1].numpy(), drawn]))
    figure = image_grid(
        np.stack(rows),
        [f"{count} of {groups}" for count in held],
        ["image", *(str(index + 1) for index in range(_COUNT))],
        "groups held",
        "draws of the groups below",
        f"{subject.title}: the top groups held",
        gaps=((), (1,)),
    )
    return figure, (
        "First column: a real image. The others: samples whose top groups of latents are held at that image's, and "
        "the rest drawn. Look for the group at which the image is settled, and for what those below still change."
    )


def code_usage(subject: Subject) -> tuple[Figure, str]:
    """How often each code is used, over all places of the images shown."""

    def used(x: Tensor, y: Tensor | None) -> tuple[Tensor]:
        codes = subject.model(x, y, 1).point_mass
        assert codes is not None
        return (codes.counts()[None],)

    counts = subject.over_images(used)[0].sum(0)
    figure = draw_code_usage(counts, title=f"{subject.title}: use of the codes")
    return figure, (
        f"How often each code is used over all places of {len(subject.shown):,} test images, the most used first, "
        "beside equal use. Look for codes that are never used, and for how steep the curve is: perplexity is the "
        "number of codes that, used equally, would carry as much."
    )
