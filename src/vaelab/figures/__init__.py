"""The gallery: every figure that a trained model calls for, drawn from the model and the images it is shown.

Each entry says what a model must be like to have that figure; the function that draws it stands in the module that
`home` names, under the entry's own name. Nothing here imports torch, so that help is quick.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from vaelab.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaelab.data import ImageData
    from vaelab.figures.shown import Subject
    from vaelab.training import Run


class Need(Enum):
    """What a figure needs of a model or of what it is shown; the value is for messages."""

    rows = "the metrics of a training, epoch by epoch"
    images = "images to show the model"
    several = "at least ten images to show the model"
    labels = "labelled images"
    two_classes = "images of two classes"
    plane = "one latent of two real numbers"
    real_codes = "one latent of real numbers"
    deep = "more than two latent dimensions"
    deviations = "a posterior whose mean and deviations are known"
    normal_prior = "a standard normal prior"
    classes = "a conditional model of classes"
    groups = "groups of latents"
    codebook = "codes from a codebook"
    umap = "the package umap-learn (pip install 'vaelab[maps]')"
    conditions = "images whose attributes a sample can be given"
    snapshots = "models of earlier epochs (train with --snapshot-every 1)"


@dataclass(frozen=True)
class DrawnFigure:
    """A figure and the words below it.

    Args:
        name: what the gallery calls it.
        figure: drawn, not yet written.
        caption: what it shows and what to look for.
    """

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Entry:
    """A figure that the gallery can draw.

    Args:
        name: on the command line, in file names, and with underscores the function in `home` that draws it.
        shows: what it shows, in a line.
        home: the module of this room that the function stands in.
        needs: what a model must be like, and what it must be shown.
    """

    name: str
    shows: str
    home: str
    needs: tuple[Need, ...] = ()

    def draw(self, subject: Subject) -> DrawnFigure:
        """Draw it, with random numbers of its own.

        Raises:
            UserError: the subject lacks what the figure needs.
        """
        self.check(subject)
        module = importlib.import_module(f"vaelab.figures.{self.home}")
        with subject.random_numbers():
            figure, caption = getattr(module, self.name.replace("-", "_"))(subject)
        return DrawnFigure(self.name, figure, caption)

    def check(self, subject: Subject) -> None:
        """Refuse a subject that lacks what the figure needs.

        Raises:
            UserError: naming the figure and all that is lacking.
        """
        lacking = [need.value for need in self.needs if need not in subject.has]
        if lacking:
            raise UserError(
                f"figure {self.name!r} needs {' and '.join(lacking)}, which {subject.title} has not; "
                "leave it out of --only"
            )


_PICTURES, _LABELS, _PLANE, _REAL = Need.images, Need.labels, Need.plane, Need.real_codes
_CLASSES = Need.classes

ENTRIES = (
    Entry("training-curves", "reconstruction, KL, their ratio and beta over epochs", "training", (Need.rows,)),
    Entry("reconstructions", "images above what the model makes of them", "images", (_PICTURES,)),
    Entry("latent-scatter", "posterior means by class, with class centroids", "latent", (_PLANE, _PICTURES)),
    Entry(
        "posterior-ellipses",
        "some posteriors as ellipses of one standard deviation",
        "latent",
        (_PLANE, _PICTURES, Need.deviations),
    ),
    Entry(
        "true-posterior",
        "true posteriors of six images against the encoder's, with the gaps of the ELBO",
        "posterior",
        (_PLANE, _PICTURES, Need.deviations),
    ),
    Entry("latent-by-class", "where each class lies among the others", "latent", (_PLANE, _LABELS, Need.several)),
    Entry(
        "aggregate-posterior",
        "codes of all images against the prior N(0, I)",
        "latent",
        (_REAL, Need.several, Need.normal_prior),
    ),
    Entry(
        "latent-plane",
        "decoded points of the plane, [-3, 3] both ways",
        "plane",
        (_PLANE, Need.normal_prior, Need.conditions),
    ),
    Entry(
        "latent-plane-quantiles",
        "decoded points of the plane, equally likely under the prior",
        "plane",
        (_PLANE, Need.normal_prior, Need.conditions),
    ),
    Entry("traversals", "one dimension varied at a time", "paths", (_REAL, _PICTURES)),
    Entry("interpolations", "ten steps between two images, linear and spherical", "paths", (_REAL, Need.several)),
    Entry("samples", "images drawn from the prior", "images", (Need.conditions,)),
    Entry("class-samples", "ten images drawn of each class", "classes", (_CLASSES,)),
    Entry("shared-style", "the same draws of z under every class", "classes", (_CLASSES, _REAL, Need.normal_prior)),
    Entry("style-transfer", "the style of a real image given to every class", "classes", (_CLASSES, _REAL, _LABELS)),
    Entry(
        "class-interpolation",
        "one path through the latent under two labels",
        "classes",
        (_CLASSES, _REAL, Need.two_classes),
    ),
    Entry(
        "class-traversals", "each class along the first two dimensions", "classes", (_CLASSES, _REAL, Need.normal_prior)
    ),
    Entry("class-planes", "the latent plane of each class", "classes", (_CLASSES, _PLANE, Need.normal_prior)),
    Entry("map-pca", "principal components of posterior means", "maps", (Need.deep, Need.several)),
    Entry("map-tsne", "t-SNE of posterior means", "maps", (Need.deep, Need.several)),
    Entry("map-umap", "UMAP of posterior means", "maps", (Need.deep, Need.several, Need.umap)),
    Entry("active-units", "which dimensions the model uses", "latent", (_REAL, Need.deep, Need.several)),
    Entry("held-groups", "samples with the top groups of latents held", "structure", (Need.groups, _PICTURES)),
    Entry("code-usage", "how often each code is used", "structure", (Need.codebook, _PICTURES)),
)


def chosen(subject: Subject, only: Sequence[str] = ()) -> list[Entry]:
    """The figures that a subject can have; or those named, which it then must be able to have.

    Raises:
        UserError: there is no figure of a name, or the subject lacks what it needs.
    """
    by_name = {entry.name: entry for entry in ENTRIES}
    for name in only:
        if name not in by_name:
            raise UserError(f"only has {name!r}, but the figures are: {', '.join(by_name)}")
        by_name[name].check(subject)
    return [
        entry for entry in ENTRIES if (entry.name in only if only else all(need in subject.has for need in entry.needs))
    ]


def draw_figures(run: Run, data: ImageData | None, only: Sequence[str] = ()) -> list[DrawnFigure]:
    """Draw every figure that a run's model can have, or those named, in the order of `ENTRIES`.

    Args:
        run: a finished training.
        data: images with a split `test`, or None for the figures that need none.
        only: names of figures.

    Raises:
        UserError: as `chosen`, or the images have another shape than the model's or no test split.
    """
    from vaelab.figures.shown import subject_of

    subject = subject_of(run, data)
    return [entry.draw(subject) for entry in chosen(subject, only)]


__all__ = ["ENTRIES", "DrawnFigure", "Entry", "Need", "chosen", "draw_figures"]
