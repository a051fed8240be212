"""A training run with at least one saved model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaelab.data import Data, open_data, training_and_validation
from vaelab.errors import UserError
from vaelab.experiment import Experiment, Record, read_record
from vaelab.models.files import load
from vaelab.models.model import Model
from vaelab.spec import Spec
from vaelab.training.folder import Row, RunFolder


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
        tested = f"; test set: {numbers} nats per {self.record.data_format.worded('image')}" if numbers else ""
        return f"Run {self.folder}: {self.model.spec.summary}, {len(self.rows)} epochs{tested}"

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
