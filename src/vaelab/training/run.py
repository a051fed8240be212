"""A training run with at least one saved model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaelab import html
from vaelab.data import Data, open_data, training_and_validation
from vaelab.errors import UserError
from vaelab.experiment import Experiment, Record, read_record
from vaelab.models.files import load
from vaelab.models.model import Model
from vaelab.spec import Spec
from vaelab.training.folder import COLUMNS, Row, RunFolder

if TYPE_CHECKING:
    from pandas import DataFrame


# What a notebook shows of an epoch, with the number of decimals, and of how many epochs.
_COLUMNS = {
    "epoch": 0,
    "train_running_total": 2,
    "validation_total": 2,
    "test_reconstruction": 2,
    "test_kl": 2,
    "test_total": 2,
}
_EPOCHS = 5


@dataclass(frozen=True, repr=False)
class Run:
    """A training run: its folder, the model with the last weights, and its metrics, one row per epoch."""

    folder: Path
    record: Record
    model: Model
    rows: list[Row]
    data: Data | None = field(default=None, compare=False)
    """The images, if the run was trained in this process; otherwise None."""

    def __repr__(self) -> str:
        last = self.rows[-1] if self.rows else {}
        numbers = ", ".join(
            f"{name} {last[f'test_{key}']:.2f}"
            for name, key in (("reconstruction", "reconstruction"), ("KL", "kl"), ("total", "total"))
            if f"test_{key}" in last
        )
        tested = f"; test set: {numbers} nats per {self._each}" if numbers else ""
        return f"Run {self.folder}: {self.model.spec.summary}, {len(self.rows)} epochs{tested}"

    def _repr_html_(self) -> str:
        """A table of the last epochs, for notebooks."""
        columns = [name for name in _COLUMNS if self.rows and name in self.rows[0]]
        rows = [tuple(f"{row[name]:.{_COLUMNS[name]}f}" for name in columns) for row in self.rows[-_EPOCHS:]]
        left_out = [(f"… {len(self.rows) - _EPOCHS} earlier",)] if len(self.rows) > _EPOCHS else []
        names = [name.replace("_", " ") for name in columns]
        note = f"{self.model.spec.summary}; nats per {self._each}"
        return html.table(f"Run {self.folder}", names, [*left_out, *rows], note)

    def frame(self) -> DataFrame:
        """The metrics as a data frame of pandas: one row per epoch, the columns of metrics.csv.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError:
            raise UserError("frame needs pandas, which is not installed; pip install pandas, or use rows") from None
        return DataFrame(self.rows).astype({"epoch": int}) if self.rows else DataFrame(columns=list(COLUMNS))

    @property
    def _each(self) -> str:
        return self.record.data_format.each

    @property
    def experiment(self) -> Experiment:
        """The settings of the run."""
        return self.record.experiment

    def validation(self, data: Data | None = None) -> Data:
        """The images that the run held out to choose by.

        Args:
            data: the images of the run; by default as `load_data` finds them.

        Raises:
            UserError: it held out none, or as `load_data`.
        """
        images = self.load_data() if data is None else data
        held_out = training_and_validation(images, self.experiment.training.validation)[1]
        if held_out is None:
            raise UserError(f"{self.folder} held out no validation images; train with validation > 0")
        return held_out

    def load_data(self, directory: Path | None = None) -> Data:
        """Load the images that the run was trained on.

        Args:
            directory: the folder of data sets; by default VAELAB_DATA, otherwise a cache folder.

        Raises:
            UserError: the images are missing, were in the memory of another process, or have changed.
        """
        if self.data is not None:
            return self.data
        data = open_data(self.experiment.data, directory)
        if data.digest != self.record.data_sha256:
            raise UserError(
                f"data {data.name} has changed since {self.folder} was trained on it; restore it, or give other images"
            )
        return data


def open_run(path: str | Path, *, specs: Sequence[type[Spec]] = (), modules: tuple[Any, Any] | None = None) -> Run:
    """Open a run folder.

    Args:
        path: the run folder.
        specs: spec classes from outside this package that are not imported yet.
        modules: encoder and decoder of a model whose network is `Modules`.

    Raises:
        UserError: the folder holds no run, or one of a newer version, or it needs a class or modules that are not
            given.
    """
    folder = RunFolder(Path(path))
    if not folder.record.exists():
        raise UserError(f"{path} holds no run (no experiment.json); name a folder that `vaelab train` made")
    record = read_record(folder.record, specs)
    return Run(folder.path, record, load(folder.last, specs=specs, modules=modules), folder.rows())
