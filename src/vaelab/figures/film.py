"""A film of the latent space over a training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from vaelab.errors import UserError
from vaelab.figures import Need
from vaelab.figures.plane import TICKS, decoded_as, decoded_plane
from vaelab.figures.shown import Subject
from vaelab.models.files import load
from vaelab.plots import latent_frame, write_film

NEEDS = (Need.plane, Need.images, Need.snapshots)
# As many images as make a moving cloud; a film encodes them once an epoch.
_SHOWN = 1250
_FRAME_SECONDS, _LAST_SECONDS = 0.4, 3.0


def check(subject: Subject) -> None:
    """Refuse a subject of which there can be no film.

    Raises:
        UserError: the model has more than two dimensions, or its training kept no models of earlier epochs.
    """
    lacking = [need.value for need in NEEDS if need not in subject.has]
    if lacking:
        raise UserError(f"the film needs {' and '.join(lacking)}, which {subject.title} has not; leave --film out")


def write_film_of(subject: Subject, path: Path) -> None:
    """Write a GIF with a frame an epoch: posterior means of the images shown, and the decoded plane.

    Raises:
        UserError: as `check`, or the file cannot be written.
    """
    check(subject)
    if len(subject.shown) > _SHOWN:
        subject = replace(subject, data=subject.shown.take(slice(None, None, len(subject.shown) // _SHOWN)))
    models = [(epoch, load(file)) for epoch, file in subject.snapshots]
    means = [subject.embed(model).mean for _, model in models]
    # All frames have one scale, which leaves out a few far points rather than making all the others small.
    limit = float(max(np.quantile(np.abs(points), 0.999) for points in means))

    title = f"{subject.title}{decoded_as(subject)}"
    prior = Need.normal_prior in subject.has

    def frames() -> Iterator[Figure]:
        for (epoch, model), points in zip(models, means, strict=True):
            plane = decoded_plane(replace(subject, model=model), TICKS, subject.any_condition())
            yield latent_frame(
                points,
                subject.shown.labels,
                subject.shown.classes,
                plane,
                epoch=epoch,
                limits=(-limit, limit),
                title=title,
                prior=prior,
            )

    write_film(path, frames(), seconds=_FRAME_SECONDS, hold=_LAST_SECONDS)
