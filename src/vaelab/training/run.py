"""A run: a training that has left at least one model behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaelab.data import ImageData, open_data
from vaelab.errors import UserError
from vaelab.experiment import Experiment, Record, read_record
from vaelab.models.files import load
from vaelab.models.model import Model
from vaelab.spec import Spec
from vaelab.training.folder import Row, RunFolder


@dataclass(frozen=True, repr=False)
class Run:
    """A training run: its folder, its model with the last weights, and its metrics, one row per epoch."""

    folder: Path
    record: Record
    model: Model
    rows: list[Row]
    data: ImageData | None = field(default=None, compare=False)
    """The images, while the program that trained on them holds them in memory."""

    def __repr__(self) -> str:
        last = self.rows[-1] if self.rows else {}
        numbers = ", ".join(
            f"{name} {last[f'test_{key}']:.2f}"
            for name, key in (("reconstruction", "reconstruction"), ("KL", "kl"), ("total", "total"))
            if f"test_{key}" in last
        )
        tested = f"; test set: {numbers} nats per image" if numbers else ""
        return f"Run {self.folder}: {self.model.spec.summary}, {len(self.rows)} epochs{tested}"

    @property
    def experiment(self) -> Experiment:
        """The settings it was made with."""
        return self.record.experiment

    def load_data(self, directory: Path | None = None) -> ImageData:
        """The images it was trained on.

        Args:
            directory: the folder of data sets; by default VAELAB_DATA, otherwise a cache folder.

        Raises:
            UserError: they are not at hand, were in the memory of another program, or have changed since.
        """
        if self.data is not None:
            return self.data
        data = open_data(self.experiment.data, directory)
        if data.digest != self.record.data_sha256:
            raise UserError(
                f"data {data.name} has changed since {self.folder} was trained on it; bring it back, or give others"
            )
        return data


def open_run(path: str | Path, *, specs: Sequence[type[Spec]] = (), modules: tuple[Any, Any] | None = None) -> Run:
    """A run from its folder.

    Args:
        path: the folder.
        specs: the spec classes of parts that are not this package's own, if they are not imported yet.
        modules: encoder and decoder of a model whose network is `Modules`.

    Raises:
        UserError: the folder holds no run, or none that this version reads, or it needs a class or modules that are
            not at hand.
    """
    folder = RunFolder(Path(path))
    if not folder.record.exists():
        raise UserError(f"{path} holds no run (no experiment.json); name a folder that `vaelab train` made")
    record = read_record(folder.record, specs)
    return Run(folder.path, record, load(folder.last, specs=specs, modules=modules), folder.rows())
