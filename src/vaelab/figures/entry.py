"""A figure of a trained model: its name, its requirements and the function that draws it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from vaelab.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaelab.figures.source import FigureSource


class Need(Enum):
    """A requirement of a figure on the model or its images; the value is its wording in messages."""

    rows = "the metrics of a training, epoch by epoch"
    images = "images to show the model"
    several = "at least ten images to show the model"
    labels = "labelled images"
    two_classes = "images of two classes"
    plane = "one latent of two real numbers"
    real_codes = "one latent of real numbers"
    deep = "more than two latent dimensions"
    deviations = "a posterior whose mean and deviations are known"
    gaussian = "a Gaussian posterior"
    normal_prior = "a standard normal prior"
    classes = "a conditional model of classes"
    groups = "groups of latents"
    codebook = "codes from a codebook"
    umap = "the package umap-learn (pip install 'vaelab[maps]')"
    conditions = "images whose attributes can be given to a sample"
    snapshots = "models of earlier epochs (train with --snapshot-every 1)"


@dataclass(frozen=True)
class DrawnFigure:
    """A figure with its caption.

    Args:
        name: of its entry.
        figure: not yet written to a file.
        caption: what it shows and what to look for.
    """

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class FigureEntry:
    """A figure that can be drawn of a trained model.

    `vaelab.draw_figures` draws your own entries along with the built-in ones.

    Args:
        name: on the command line and in file names: lower-case letters, digits and dashes.
        shows: one line about its content.
        draw: a function from a `FigureSource` to a matplotlib figure and its caption. It is called with a fixed seed
            and with the model in inference mode.
        needs: requirements on the model and its images; a model that lacks one does not have the figure.

    Raises:
        UserError: a name of other characters.

    >>> import vaelab as vl
    >>> from matplotlib.figure import Figure
    >>> def mean_image(source: vl.FigureSource) -> tuple[Figure, str]:
    ...     figure = Figure()
    ...     figure.subplots().imshow(source.measured.decode([[0.0, 0.0]])[0, 0])
    ...     return figure, "The image at the centre of the latent plane."
    >>> entry = vl.FigureEntry("centre", "the image at z = 0", mean_image, needs=(vl.Need.plane,))
    >>> model = vl.VAE(latent=2, network=vl.Mlp()).build(vl.ImageFormat(1, 8, 8))
    >>> entry.render(vl.FigureSource(vl.MeasuredModel(model))).caption
    'The image at the centre of the latent plane.'
    """

    name: str
    shows: str
    draw: Callable[[FigureSource], tuple[Figure, str]]
    needs: tuple[Need, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise UserError(f"name is {self.name!r}, but must be lower-case letters, digits and dashes")

    def check(self, source: FigureSource) -> None:
        """Refuse a model or images that lack a requirement.

        Raises:
            UserError: the message names the figure and everything that is missing.
        """
        missing = [need.value for need in self.needs if need not in source.has]
        if missing:
            raise UserError(
                f"figure {self.name!r} needs {' and '.join(missing)}, which {source.title} does not have",
                python="leave it out of only",
                flags="leave it out of --only",
            )

    def render(self, source: FigureSource) -> DrawnFigure:
        """Draw the figure, with a fixed seed, in inference mode; the RNG state is restored.

        Raises:
            UserError: a requirement is missing, a distribution of the model lacks a method that the figure needs, or
                the function returned something else than a figure and a caption.
        """
        from matplotlib.figure import Figure

        from vaelab.metrics.images import eval_mode

        self.check(source)
        try:
            with eval_mode(source.model), source.measured.seeded():
                drawn = self.draw(source)
        except NotImplementedError as lack:
            # Torch's distributions raise it for means, draws or densities that they do not have.
            raise UserError(
                f"figure {self.name!r} needs a method that a distribution of this model lacks "
                f"({lack or 'such as mean or log_prob'})"
            ) from lack
        if not (isinstance(drawn, tuple) and len(drawn) == 2 and isinstance(drawn[0], Figure)):
            raise UserError(
                f"figure {self.name!r}: draw returned {type(drawn).__name__}, but must return a matplotlib Figure and "
                "a caption"
            )
        return DrawnFigure(self.name, *drawn)
