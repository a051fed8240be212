"""What a sweep has found so far: its table, its files and its best experiment."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaelab.codec import encode
from vaelab.experiment import Experiment
from vaelab.files import write_atomically
from vaelab.report import Table
from vaelab.sweeps.settings import Sweep
from vaelab.sweeps.storage import values_of


@dataclass(frozen=True)
class SweepResults:
    """The trials of a sweep so far.

    Args:
        table: all trials, best first.
        best: the best experiment; None if no trial has ended well.
        out: the folder of the runs.
    """

    table: Table
    best: Experiment | None
    out: Path


@dataclass(frozen=True)
class Trials:
    """The trials of a study, best first, then those that were pruned, failed or still run.

    Args:
        settings: the sweep.
        trials: trials of Optuna, in any order.
    """

    settings: Sweep
    trials: Sequence[Any]

    @property
    def ordered(self) -> list[Any]:
        """Best first."""
        sign = 1 if self.settings.better == "minimise" else -1
        return sorted(self.trials, key=lambda each: (not is_complete(each), is_complete(each) and sign * each.value))

    @property
    def best(self) -> Experiment | None:
        """The best experiment; None if no trial has ended well."""
        first = next(iter(self.ordered), None)
        if first is None or not is_complete(first):
            return None
        return self.settings.experiment_of(values_of(self.settings, first.params))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return "trial", "state", self.settings.measured, "epochs", *self.settings.space

    def cells(self, trial: Any) -> list[Any]:
        """A row of sweep.csv."""
        shown = [trial.params.get(name, "") for name in self.settings.space]
        return [trial.number, trial.state.name.lower(), trial.value, len(trial.intermediate_values), *shown]

    def write(self, out: Path) -> None:
        """Write sweep.csv and best.json.

        Raises:
            UserError: they cannot be written.
        """
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *map(self.cells, self.ordered)])
        write_atomically(out / "sweep.csv", text.getvalue())
        if self.best is not None:
            write_atomically(out / "best.json", json.dumps(encode(self.best), indent=2) + "\n")

    def results(self, title: str, out: Path) -> SweepResults:
        """As `vaelab.sweep` returns them."""
        rows = []
        for number, state, value, *rest in map(self.cells, self.ordered):
            shown = f"{value:.4f}" if state == "complete" else state
            rows.append((f"trial-{number:04d}", shown, *map(_shown, rest)))
        columns = tuple(name for name in self.columns if name != "state")
        return SweepResults(Table(title, columns, tuple(rows)), self.best, out)


def is_complete(trial: Any) -> bool:
    """Whether a trial has ended with a value."""
    return bool(trial.state.name == "COMPLETE")


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
