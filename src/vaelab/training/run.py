"""The run folder: everything that a training leaves behind, and the lock that keeps others out of it."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vaelab.codec import encode
from vaelab.errors import UserError
from vaelab.experiment import Experiment, Record, read_record
from vaelab.files import append_line, write_atomically
from vaelab.models.files import load
from vaelab.models.vae import VAEModel

Row = dict[str, float]


@dataclass(frozen=True)
class RunFolder:
    """The files of a run by name.

    experiment.json rebuilds the model; last.safetensors and best.safetensors are models of their own;
    checkpoint.safetensors continues the training; metrics.csv has a row an epoch; events.jsonl tells when
    what happened.
    """

    path: Path

    @property
    def record(self) -> Path:
        """Settings, image format and versions."""
        return self.path / "experiment.json"

    @property
    def checkpoint(self) -> Path:
        """All that a training needs to go on."""
        return self.path / "checkpoint.safetensors"

    @property
    def last(self) -> Path:
        """The model after the last epoch."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """The model with the lowest total on the test split."""
        return self.path / "best.safetensors"

    @property
    def metrics(self) -> Path:
        """One row an epoch."""
        return self.path / "metrics.csv"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; the system lets go of it however the process ends.

        Raises:
            UserError: another process holds it, or the folder cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(f"{self.path} is in use by another process; wait for it or choose another folder") from None
        except OSError as error:
            raise UserError(
                f"out is {str(self.path)!r}, which cannot be used ({error.strerror}); choose another folder"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def settle(self, experiment: Experiment, resume: bool) -> None:
        """Check that this folder may hold this experiment.

        Raises:
            UserError: it holds a run that is not to be resumed, or one of another experiment.
        """
        if not self.record.exists():
            return
        if not resume:
            raise UserError(f"{self.path} already holds a run; continue it with --resume, or choose another folder")
        stored = read_record(self.record).experiment
        # More epochs than before are a continuation; anything else is another experiment.
        if replace(stored, training=replace(stored.training, epochs=experiment.training.epochs)) != experiment:
            raise UserError(
                f"{self.path} holds a run with other settings; resume it with its own, or choose another folder"
            )

    def write_record(self, record: Record) -> None:
        """Write experiment.json."""
        import json

        write_atomically(self.record, json.dumps(encode(record), indent=2) + "\n")

    def rows(self, epochs: int | None = None) -> list[Row]:
        """The rows of metrics.csv, up to the given epoch."""
        if not self.metrics.exists():
            return []
        with self.metrics.open(newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        return [row for row in rows if epochs is None or row["epoch"] <= epochs]

    def write_rows(self, rows: list[Row]) -> None:
        """Write metrics.csv whole."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.10g}" for name, value in row.items()} for row in rows)
        write_atomically(self.metrics, text.getvalue())

    def log(self, event: str, **values: Any) -> None:
        """Append an event to events.jsonl."""
        append_line(self.path / "events.jsonl", {"time": round(time.time(), 3), "event": event, **values})


@dataclass(frozen=True)
class Run:
    """A finished training: its folder, its model with the last weights, and its metrics an epoch."""

    folder: Path
    record: Record
    model: VAEModel
    rows: list[Row]

    @property
    def experiment(self) -> Experiment:
        """The settings it was made with."""
        return self.record.experiment


def open_run(path: Path) -> Run:
    """A run from its folder.

    Raises:
        UserError: the folder holds no run, or none that this version reads.
    """
    folder = RunFolder(path)
    if not folder.record.exists():
        raise UserError(f"{path} holds no run (no experiment.json); name a folder that `vaelab train` made")
    return Run(path, read_record(folder.record), load(folder.last), folder.rows())
