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
    """A requirement of a figure on the model or its images; the value is the text used in messages."""

    rows = "training metrics, one row per epoch"
    images = "images to encode"
    pixels = "images to draw, not rows of a table"
    several = "at least ten images to encode"
    labels = "labelled images"
    two_classes = "images of at least two classes"
    plane = "one latent of two real numbers"
    real_codes = "one latent of real numbers"
    deep = "more than two latent dimensions"
    deviations = "a posterior with known mean and standard deviation"
    gaussian = "a Gaussian posterior"
    normal_prior = "a standard normal prior"
    classes = "a class-conditional model"
    groups = "groups of latents"
    codebook = "codes from a codebook"
    umap = "the package umap-learn (pip install 'vaelab[maps]')"
    conditions = "images with attributes on which to condition samples"
    snapshots = "models of earlier epochs (train with --snapshot-every 1)"


def in_words(name: str) -> str:
    """The words of a name with dashes.

    >>> in_words("rate-distortion")
    'Rate distortion'
    """
    words = name.replace("-", " ")
    return words[:1].upper() + words[1:]


@dataclass(frozen=True)
class DrawnFigure:
    """A figure with its caption.

    Args:
        name: the name of its entry.
        figure: the matplotlib figure.
        caption: its content, and what to look for.
        title: its name in words; by default those of `name`.
        comparable: whether figures of several models, side by side, share their axes.
    """

    name: str
    figure: Figure
    caption: str
    title: str = ""
    comparable: bool = False

    @property
    def heading(self) -> str:
        """Its title, or the words of its name."""
        return self.title or in_words(self.name)


@dataclass(frozen=True)
class FigureEntry:
    """A figure of trained models: name, requirements and drawing function.

    `vaelab.draw_figures` draws your own entries after the built-in ones.

    Args:
        name: its name on the command line and in file names: lower-case letters, digits and dashes.
        shows: its content, in one line.
        draw: a function from a `FigureSource` to a matplotlib figure and its caption, called with a fixed seed and
            with the model in inference mode.
        needs: requirements on the model and its images, all of which must be met.
        title: its name in words, for headings; by default those of `name`.
        comparable: whether figures of several models, side by side, share their axes.

    Raises:
        UserError: the name has other characters.

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
    title: str = ""
    comparable: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise UserError(f"name is {self.name!r}, but must be lower-case letters, digits and dashes")

    def check(self, source: FigureSource) -> None:
        """Raise an error unless every requirement is met.

        Raises:
            UserError: a requirement is not met; the message names the figure and everything missing.
        """
        missing = [need.value for need in self.needs if need not in source.has]
        if missing:
            raise UserError(
                f"figure {self.name!r} needs {' and '.join(missing)}, which {source.title} does not have",
                python="leave it out of only",
                flags="leave it out of --only",
            )

    def render(self, source: FigureSource) -> DrawnFigure:
        """Draw the figure with a fixed seed and in inference mode; restores the RNG state.

        Raises:
            UserError: a requirement is not met, a distribution of the model lacks a method that the figure needs, or
                `draw` returned something other than a figure and a caption.
        """
        from matplotlib.figure import Figure

        from vaelab.metrics.images import eval_mode

        self.check(source)
        try:
            with eval_mode(source.model), source.measured.seeded():
                drawn = self.draw(source)
        except NotImplementedError as error:
            # Torch's distributions raise it for means, samples and densities that they do not implement.
            raise UserError(
                f"figure {self.name!r} needs a method that a distribution of this model lacks "
                f"({error or 'such as mean or log_prob'})"
            ) from error
        if not (isinstance(drawn, tuple) and len(drawn) == 2 and isinstance(drawn[0], Figure)):
            raise UserError(
                f"figure {self.name!r}: draw returned {type(drawn).__name__}, but must return a matplotlib Figure and "
                "a caption"
            )
        return DrawnFigure(self.name, *drawn, self.title, self.comparable)
