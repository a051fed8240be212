"""A film of the latent space during training."""

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

NEEDS = (Need.pixels, Need.plane, Need.images, Need.snapshots)
# Approximate number of images; few, since the model of every frame encodes all of them.
_IMAGES = 1250
_FRAME_SECONDS, _LAST_SECONDS = 0.4, 3.0


def check(source: FigureSource) -> None:
    """Raise an error if the model cannot have a film.

    Raises:
        UserError: the latent is not two-dimensional, there are no images, or no models of earlier epochs were kept.
    """
    missing = [need.value for need in NEEDS if need not in source.has]
    if missing:
        raise UserError(
            f"the film needs {' and '.join(missing)}, which {source.title} does not have",
            python="leave the film out",
            flags="leave --film out",
        )


def write_film_of(source: FigureSource, path: Path) -> None:
    """Write a GIF with one frame per snapshot: posterior means of test images, and the decoded plane.

    Raises:
        UserError: as in `check`, or the file cannot be written.
    """
    check(source)
    measured = source.measured
    if measured.n_images > _IMAGES:
        measured = measured.take(slice(None, None, measured.n_images // _IMAGES))
    epochs = [(epoch, measured.with_model(load(file))) for epoch, file in source.snapshots]
    means = [snapshot.means for _, snapshot in epochs]
    # All frames share one scale. It cuts off a few outliers, which would shrink the rest.
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
