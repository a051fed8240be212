"""The source of figures: a trained model, its images and its training metrics."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vaelab.data import Data, ImageFormat, source_text
from vaelab.figures.entry import Need
from vaelab.figures.rows import classes_present
from vaelab.measured import MeasuredModel
from vaelab.models.model import Model
from vaelab.posteriors import FullGaussian, Gaussian, PosteriorSpec
from vaelab.priors import StandardNormal
from vaelab.training import Run
from vaelab.training.folder import RunFolder
from vaelab.traits import Trait

MOST = 5000
"""Maximum number of images of a figure."""


@dataclass(frozen=True)
class FigureSource:
    """A trained model with its images: the argument of the function `FigureEntry.draw`.

    Args:
        measured: the model and images that it was not trained on, of which at most 5,000 are used; without images,
            only figures that need none can be drawn.
        rows: training metrics, one row per epoch, as in metrics.csv.
        reconstruction_is: name of the reconstruction in `rows`, such as "cross-entropy".
        snapshots: the epochs whose models were kept, with their files.
        titled: whether figures have titles; a page has headings of its own.
    """

    measured: MeasuredModel
    rows: Sequence[dict[str, float]] = ()
    reconstruction_is: str = "reconstruction"
    snapshots: Sequence[tuple[int, Path]] = ()
    titled: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "measured", self.measured.subset(MOST))

    @classmethod
    def of_run(cls, run: Run, data: Data | None) -> FigureSource:
        """The model of a run, with the test split of `data`.

        Args:
            run: a finished run.
            data: images with a split `test`; None to draw only figures that need no images.

        Raises:
            UserError: the images do not fit the model or have no test split.
        """
        spec, experiment = run.model.spec, run.experiment
        kind = ("C" if spec.conditional else "") + type(spec).__name__
        title = f"{kind} on {_short(source_text(experiment.data) if data is None else data.name)}"
        test = None if data is None else data.split("test")
        return cls(
            MeasuredModel(run.model, test, experiment.binarisation, title=title),
            run.rows,
            run.record.reconstruction_is,
            RunFolder(run.folder).snapshots(),
        )

    @property
    def model(self) -> Model:
        """The trained model."""
        return self.measured.model

    @property
    def title(self) -> str:
        """Name of the model in the titles of figures."""
        return self.measured.title

    def heading(self, content: str) -> str:
        """The title of a figure with this content; empty if figures have none."""
        return f"{self.title}: {content}" if self.titled else ""

    @property
    def grey_points(self) -> str:
        """A sentence about the points without a known label, for the end of a caption; empty for none."""
        return f" {self.measured.unlabelled} and are grey." if self.measured.unlabelled else ""

    @cached_property
    def has(self) -> frozenset[Need]:
        """The requirements that the model and its images meet.

        Only the traits of models and parts from outside this package are known.
        """
        model, measured = self.model, self.measured
        spec, format, traits = model.spec, model.format, model.spec.traits
        one = {Trait.one_latent, Trait.real_codes} <= traits
        width = sum(model.widths)
        labels = measured.labels if measured.has_data else None
        posterior = getattr(spec, "posterior", None)
        # A hierarchy or a foreign model has no single posterior.
        code_space = getattr(getattr(model, "posterior", None), "code_space", None)
        met = {
            Need.rows: bool(self.rows),
            Need.images: measured.has_data,
            Need.pixels: isinstance(format, ImageFormat),
            Need.several: measured.n_images >= 10,
            Need.labels: labels is not None,
            Need.two_classes: labels is not None and len(classes_present(measured)) > 1,
            Need.plane: width == 2 and (one or (isinstance(posterior, PosteriorSpec) and not posterior.discrete)),
            Need.real_codes: one,
            Need.deep: width > 2,
            Need.deviations: Trait.known_moments in traits,
            Need.gaussian: isinstance(posterior, Gaussian | FullGaussian),
            Need.normal_prior: one and isinstance(getattr(spec, "prior", None), StandardNormal),
            Need.classes: spec.conditional and bool(format.classes),
            Need.groups: len(model.widths) > 1,
            Need.codebook: code_space is not None,
            Need.conditions: measured.has_data or not spec.conditional or bool(format.classes),
            Need.umap: importlib.util.find_spec("umap") is not None,
            Need.snapshots: bool(self.snapshots),
        }
        return frozenset(need for need, is_met in met.items() if is_met)


def _short(name: str) -> str:
    """The name of a data set, shortened for titles: the last component of a path, at most forty characters."""
    kind, colon, path = name.partition(":")
    last = f"{kind}{colon}{Path(path).name}" if path else name
    return last if len(last) <= 40 else f"{last[:24]}…{last[-15:]}"
