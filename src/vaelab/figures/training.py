"""The training curves of a run."""

from __future__ import annotations

from matplotlib.figure import Figure

from vaelab.figures.source import FigureSource
from vaelab.plots import training_curves as draw


def training_curves(source: FigureSource) -> tuple[Figure, str]:
    """Reconstruction, KL, their ratio and beta over epochs."""
    column = {name: [row[name] for row in source.rows] for name in source.rows[0]}
    figure = draw(
        column["epoch"],
        column["train_running_reconstruction"],
        column["train_running_kl"],
        column["beta"],
        column["test_reconstruction"],
        column["test_kl"],
        reconstruction_is=source.reconstruction_is,
        title=source.heading("training"),
    )
    shaded = "The warm-up of beta is shaded." if min(column["beta"]) < column["beta"][-1] else ""
    return figure, (
        "Reconstruction, KL before beta, their ratio and beta over epochs, nats per image. Solid: running averages "
        "over the training images while the weights still change; dashed: a full pass over the test images. Look for a "
        "KL that settles well above zero, and for test curves that diverge from the training curves."
        f"{' '.join(['', *filter(None, (shaded, source.model.spec.no_bound))])}"
    )
