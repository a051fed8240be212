"""A film of the latent space over a training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from vaelab.errors import UserError
from vaelab.figures.entry import Need
from vaelab.figures.plane import TICKS, decoded_as, decoded_plane
from vaelab.figures.source import FigureSource
from vaelab.models.files import load
from vaelab.plots import latent_frame, write_film

NEEDS = (Need.plane, Need.images, Need.snapshots)
# Enough images for a moving cloud; a film encodes them once per epoch.
_MOST = 1250
_FRAME_SECONDS, _LAST_SECONDS = 0.4, 3.0


def check(source: FigureSource) -> None:
    """Refuse a model that cannot have a film.

    Raises:
        UserError: more than two latent dimensions, no images, or a training that kept no models of earlier epochs.
    """
    missing = [need.value for need in NEEDS if need not in source.has]
    if missing:
        raise UserError(
            f"the film needs {' and '.join(missing)}, which {source.title} does not have",
            python="leave the film out",
            flags="leave --film out",
        )


def write_film_of(source: FigureSource, path: Path) -> None:
    """Write a GIF with one frame per epoch: the posterior means of test images, and the decoded plane.

    Raises:
        UserError: as `check`, or the file cannot be written.
    """
    check(source)
    measured = source.measured
    if measured.n_images > _MOST:
        measured = measured.take(slice(None, None, measured.n_images // _MOST))
    epochs = [(epoch, measured.with_model(load(file))) for epoch, file in source.snapshots]
    means = [snapshot.means for _, snapshot in epochs]
    # All frames have one scale, which cuts off a few distant points so that the others are not too small.
    limit = float(max(np.quantile(np.abs(points), 0.999) for points in means))

    title = f"{source.title}{decoded_as(source)}"
    prior = Need.normal_prior in source.has

    def frames() -> Iterator[Figure]:
        for (epoch, snapshot), points in zip(epochs, means, strict=True):
            yield latent_frame(
                points,
                measured.labels,
                measured.data.classes,
                decoded_plane(snapshot, TICKS, measured.any_condition),
                epoch=epoch,
                limits=(-limit, limit),
                title=title,
                prior=prior,
            )

    write_film(path, frames(), seconds=_FRAME_SECONDS, hold=_LAST_SECONDS)
