"""The models of a page: opened runs and model files, with the images that all of them are shown on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vaelab.data import BinarisationSpec, Data
from vaelab.errors import UserError
from vaelab.measured import MeasuredModel
from vaelab.models.files import load
from vaelab.models.model import Model
from vaelab.training import Run, open_run
from vaelab.training.folder import RunFolder

MOST_IMAGES = 5000
"""Most images of a page."""
# Pixels and channels of all images of a page together: what compresses to about ten megabytes of photographs.
_MOST_VALUES = 12_000_000


@dataclass(frozen=True)
class ExplorerSource:
    """A model of a page.

    Args:
        name: its name on the page.
        model: the trained model.
        run: the run that trained it; None for a model alone.
    """

    name: str
    model: Model
    run: Run | None = None

    @property
    def binarisation(self) -> BinarisationSpec | None:
        """From bytes to the pixels that the model was trained on; None if that is unknown."""
        return None if self.run is None else self.run.experiment.binarisation

    @property
    def snapshots(self) -> Sequence[tuple[int, Path]]:
        """The epochs whose models were kept, with their files; the last epoch is the model itself."""
        if self.run is None:
            return ()
        last = len(self.run.rows)
        return [(epoch, path) for epoch, path in RunFolder(self.run.folder).snapshots() if epoch < last]


def sources_of(runs: Sequence[Run | Model | Path]) -> list[ExplorerSource]:
    """The models of runs, run folders and model files, with names that differ.

    Raises:
        UserError: a folder holds no run, or the models are for images of different shapes or classes.
    """
    sources = [_source(run) for run in runs]
    first = sources[0].model.format
    for source in sources[1:]:
        if source.model.format.shape != first.shape or source.model.format.classes != first.classes:
            raise UserError(
                f"runs has {source.name}, whose images of {_shape(source.model)} and {_classes(source.model)} differ "
                f"from those of {sources[0].name}, {_shape(sources[0].model)} and {_classes(sources[0].model)}; "
                "write a page for each"
            )
    names = [source.name for source in sources]
    if len(set(names)) < len(names):
        raise UserError(f"runs has {' and '.join(names)}; name each run once, from folders with different names")
    return sources


def test_images(source: ExplorerSource, data: Data | None, directory: Path | None) -> tuple[MeasuredModel | None, str]:
    """The test images of a page with its first model, as that model sees them; or None, and why there are none.

    Raises:
        UserError: `data` was given and does not fit the model.
    """
    if data is None and source.run is None:
        return None, f"points and test images, since {source.name} is a model file; name its data with --data"
    try:
        data = source.run.load_data(directory) if data is None and source.run is not None else data
    except UserError as absent:
        return None, f"points and test images: {absent}"
    assert data is not None
    if "test" in data.splits:
        data = data.split("test")
    elif data.splits:
        return None, f"points and test images, since {data.name} has no split named test"
    measured = MeasuredModel(source.model, data, source.binarisation, title=source.name)
    channels, height, width = measured.image_data.format.shape
    most = max(50, min(MOST_IMAGES, _MOST_VALUES // (channels * height * width)))
    return measured.subset(most).binarised(), ""


def _source(run: Run | Model | Path) -> ExplorerSource:
    if isinstance(run, Model):
        return ExplorerSource(type(run.spec).__name__, run)
    if isinstance(run, Path):
        if run.suffix == ".safetensors":
            return ExplorerSource(run.stem, load(run))
        run = open_run(run)
    return ExplorerSource(run.folder.resolve().name, run.model, run)


def _shape(model: Model) -> str:
    return " x ".join(map(str, model.format.shape))


def _classes(model: Model) -> str:
    return f"{len(model.format.classes)} classes"
