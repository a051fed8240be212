"""Images that the model makes: of others, and out of nothing."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure

from vaelab.figures.shown import Subject
from vaelab.plots import image_grid

_SIDE = 10


def reconstructions(subject: Subject) -> tuple[Figure, str]:
    """Real images above the decoder's mean image at their posterior mean."""
    firsts = subject.first_of_each_class()
    rows, rows_left = np.array(firsts[:_SIDE]), len(firsts) > _SIDE
    originals = subject.pixels[rows].numpy()
    condition = None if subject.condition is None else subject.condition[rows]
    remade = subject.decode(subject.embedding.mean[rows], condition)
    labels = subject.shown.labels
    figure = image_grid(
        np.stack([originals, remade]),
        ["image", "reconstruction"],
        [] if labels is None else [subject.shown.classes[label] for label in labels[rows]],
        "",
        "" if labels is None else "class",
        f"{subject.title}: reconstructions",
    )
    which = "" if labels is None else f", the first of each class{' up to the tenth' if rows_left else ''},"
    return figure, (
        f"Test images{which} above what the decoder makes of their posterior mean. Look for what "
        "is lost, and for images that come back as another class."
    )


def samples(subject: Subject) -> tuple[Figure, str]:
    """Mean images at draws from the prior."""
    count, spec = _SIDE * _SIDE, subject.model.spec
    condition = None
    if spec.conditional and not subject.model.format.classes:
        # Attributes cannot be made up: those of real images, drawn at random.
        assert subject.condition is not None
        condition = subject.condition[torch.randint(len(subject.condition), (count,))]
    drawn = subject.model.generate(count, condition)
    figure = image_grid(drawn.unflatten(0, (_SIDE, _SIDE)).numpy(), title=f"{subject.title}: samples from the prior")
    of_labels = " The condition of each is drawn too." if spec.conditional else ""
    return figure, (
        f"{count} mean images at draws of z from the prior, none picked out.{of_labels} Look for images of no "
        "class: the prior reaches where no image is encoded."
    )
