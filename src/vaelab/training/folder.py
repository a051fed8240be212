"""The run folder: the files of a training run, and its lock."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vaelab.codec import encode
from vaelab.errors import UserError, reason
from vaelab.experiment import Record, read_record, same_settings
from vaelab.files import append_line, parse_json, remove_leftovers, write_atomically
from vaelab.processes import first
from vaelab.schedules import schedules_in
from vaelab.spec import classes_in

Row = dict[str, float]
QUANTITIES = ("reconstruction", "kl", "total", "ratio")
# The columns that every metrics.csv has.
COLUMNS = (
    "epoch",
    "beta",
    "learning_rate",
    *(f"{split}_{name}" for split in ("train_running", "test") for name in QUANTITIES),
    "seconds",
    "images_per_second",
)
# The columns of metrics.csv that depend on the machine's load.
_TIMES = frozenset({"seconds", "images_per_second"})


@dataclass(frozen=True)
class RunFolder:
    """The files of a training run.

    experiment.json is the record; last.safetensors and best.safetensors are complete models;
    checkpoint.safetensors is for resuming; metrics.csv has one row per epoch; events.jsonl is a log with times;
    snapshots/ holds models of earlier epochs, if requested. Of several processes, the first writes them.
    """

    path: Path

    @property
    def record(self) -> Path:
        """Settings, image format and versions."""
        return self.path / "experiment.json"

    @property
    def checkpoint(self) -> Path:
        """The state from which training resumes."""
        return self.path / "checkpoint.safetensors"

    @property
    def last(self) -> Path:
        """The model after the last epoch."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """The model with the lowest total on the validation images, if any are held out."""
        return self.path / "best.safetensors"

    @property
    def metrics(self) -> Path:
        """The metrics, one row per epoch."""
        return self.path / "metrics.csv"

    @property
    def log_file(self) -> Path:
        """The log, one event per line."""
        return self.path / "events.jsonl"

    @property
    def trackers(self) -> Path:
        """The ids under which trackers know the run, and the last step that each was given."""
        return self.path / "trackers.json"

    def snapshot(self, epoch: int) -> Path:
        """The model after an epoch; epoch 0 is the untrained model."""
        return self.path / "snapshots" / f"epoch-{epoch:04d}.safetensors"

    def snapshots(self) -> list[tuple[int, Path]]:
        """The saved snapshots, (epoch, path), in order."""
        paths = sorted(self.snapshot(0).parent.glob("epoch-*"))
        return [(int(path.stem.removeprefix("epoch-")), path) for path in paths]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder for this process; the system releases the lock even if the process is killed.

        A folder that was created here is removed if an error leaves it before anything was saved.

        Raises:
            UserError: the folder is locked by another process, or cannot be created.
        """
        if not first():
            yield
            return
        fresh = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(f"{self.path} is in use by another process; wait for it or choose another folder") from None
        except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
            why = getattr(error, "strerror", error)
            raise UserError(f"out is {str(self.path)!r}, which cannot be used ({why}); choose another folder") from None
        remove_leftovers(self.path)
        try:
            yield
        except UserError:
            if fresh and not self.checkpoint.exists():
                for path in (self.record, self.log_file, self.trackers, self.snapshot(0)):
                    path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    self.snapshot(0).parent.rmdir()
            raise
        finally:
            lock.release()
            if fresh and not self.record.exists():
                with contextlib.suppress(OSError):
                    (self.path / ".lock").unlink(missing_ok=True)
                    self.path.rmdir()

    def check_resumable(self, record: Record, resume: bool, prolong: bool = True) -> None:
        """Check that this folder may hold the run that `record` describes.

        Args:
            record: the record of the new run.
            resume: whether the folder may already hold that run.
            prolong: whether the number of epochs may be larger than before.

        Raises:
            UserError: the folder holds a run and `resume` is false, or a run with other settings or images.
        """
        if not self.record.exists():
            return
        if not resume:
            raise UserError(
                f"{self.path} already holds a run",
                python="continue it with resume=True, or choose another folder",
                flags="continue it with --resume, or choose another folder",
            )
        if not self.checkpoint.exists() and any(event["event"] == "finished" for event in self.events()):
            raise UserError(
                f"{self.path} holds a finished run without its checkpoint, such as one from a Hub, so it cannot go on",
                python=f"start a new run with its weights, start={str(self.path)!r}",
                flags=f"start a new run with its weights, --start {self.path}",
            )
        stored = read_record(self.record, classes_in(record.experiment))
        if (stored.data_sha256, stored.data_format) != (record.data_sha256, record.data_format):
            raise UserError(f"{self.path} holds a run on other images; give it the same ones, or choose another folder")
        before, now = stored.experiment, record.experiment
        if not same_settings(before, now) or (before.training.epochs != now.training.epochs and not prolong):
            raise UserError(
                f"{self.path} holds a run with other settings; resume it with its own, or choose another folder"
            )
        if now.training.epochs < before.training.epochs:
            raise UserError(
                f"epochs is {now.training.epochs}, but the run is for {before.training.epochs}; "
                "it can only be prolonged"
            )
        schedules = (now.training.optimiser.schedule, *now.objective.schedules, *schedules_in(now.model))
        spanning = [getattr(schedule, "name", schedule.kind) for schedule in schedules if schedule.spans_run]
        if now.training.epochs > before.training.epochs and spanning:
            raise UserError(
                f"epochs is {now.training.epochs}, but the run's schedule {spanning[0]} spans its "
                f"{before.training.epochs} epochs, so it cannot be prolonged; start a new run"
            )

    def write_record(self, record: Record) -> None:
        """Write experiment.json."""
        if first():
            write_atomically(self.record, json.dumps(encode(record), indent=2) + "\n")

    def rows(self, epochs: int | None = None) -> list[Row]:
        """Read the rows of metrics.csv, up to the given epoch.

        Raises:
            UserError: the file is damaged.
        """
        if not self.metrics.exists():
            return []
        try:
            with self.metrics.open(newline="") as file:
                rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
            for index, row in enumerate(rows, start=1):
                if row["epoch"] != index or not row.keys() >= set(COLUMNS):
                    raise ValueError(f"row {index} lacks a column or is not of epoch {index}")
            return [row for row in rows if epochs is None or row["epoch"] <= epochs]
        except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
            raise UserError(f"{self.metrics} is damaged ({reason(error)}); restore it from a copy") from None

    def history(self, epochs: int, digest: str) -> list[Row]:
        """The rows of all finished epochs, with which a resumed run continues.

        Args:
            epochs: the number of finished epochs.
            digest: `rows_digest` of the rows; empty if the checkpoint of an earlier version has none.

        Raises:
            UserError: the file is damaged, lacks a row, or was changed.
        """
        rows = self.rows(epochs)
        if [row["epoch"] for row in rows] != list(range(1, epochs + 1)):
            raise UserError(
                f"{self.metrics} has {len(rows)} rows, but {epochs} epochs are finished; restore it from a copy, or "
                "start a new run"
            )
        if digest and rows_digest(rows) != digest:
            raise UserError(
                f"{self.metrics} was changed since the last checkpoint; restore it from a copy, or start a new run"
            )
        return rows

    def write_rows(self, rows: list[Row]) -> None:
        """Write all rows to metrics.csv."""
        if first():
            write_atomically(self.metrics, _as_csv(rows))

    def events(self) -> list[dict[str, Any]]:
        """Read events.jsonl, without incomplete or damaged lines, such as a kill may leave."""
        events = []
        text = self.log_file.read_bytes().decode(errors="replace") if self.log_file.exists() else ""
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                event = parse_json(line)
                if isinstance(event, dict) and isinstance(event.get("time"), int | float) and "event" in event:
                    events.append(event)
        return events

    def seconds(self) -> float:
        """Total wall-clock time of the run, s: for each process, from its start to its last event."""
        total, began, last = 0.0, None, 0.0
        for event in self.events():
            if event["event"] == "started":
                total += last - began if began is not None else 0.0
                began = event["time"]
            last = event["time"]
        return total + (last - began if began is not None else 0.0)

    def log(self, event: str, **values: Any) -> None:
        """Append an event to events.jsonl."""
        if first():
            append_line(self.log_file, {"time": round(time.time(), 3), "event": event, **values})


def _as_csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.10g}" for name, value in row.items()} for row in rows)
    return text.getvalue()


def rows_digest(rows: list[Row]) -> str:
    """sha256 of rows as metrics.csv has them, without times, which differ between runs with the same result."""
    timeless = [{name: value for name, value in row.items() if name not in _TIMES} for row in rows]
    return hashlib.sha256(_as_csv(timeless).encode()).hexdigest()
