"""The contract of trackers."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vaelab.errors import UserError, brief, reason
from vaelab.trackers import Buffered, Outcome, Setting, TrackedRun, Tracker, TrackerSpec

_SETTINGS: Mapping[str, Setting] = {
    "model.kind": "vae",
    "model.latent": 2,
    "training.optimiser.learning_rate": 1e-3,
    "model.conditional": False,
    "training.start": "",
}


def check_tracker_spec(spec: TrackerSpec) -> list[str]:
    """Its trackers keep the contract."""
    return tracker_passes(spec.build)


def tracker_passes(make: Callable[[], Tracker]) -> list[str]:
    """A run that is interrupted and goes on, and one that fails.

    Raises:
        UserError: the first fault.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "check"
        first = _Checked(make())
        id = first.start(run, "", 0)
        for step in (1, 2):
            first.call("log", {"test_total": 100.0 - step, "test_ratio": math.inf, "step_loss": math.nan}, step)
        first.flush()
        first.call("finish", Outcome.interrupted)

        second = _Checked(make())
        again = second.start(run, id, 2)
        if again != id:
            raise UserError(f"{second.name}.start returned {again!r} for the run that it called {id!r} before")
        second.call("log", {"test_total": 97.0}, 3)
        second.flush()
        second.call("figure", "training-curves", _figure())
        second.call("finish", Outcome.finished)

        third = _Checked(make())
        other = third.start(run.with_name("other"), "", 0)
        if id and other == id:
            raise UserError(f"{third.name}.start returned {other!r} for two runs; give each its own id")
        third.call("finish", Outcome.failed)
    return ["takes settings, numbers, infinity and NaN", "continues a run", "takes figures", "takes every outcome"]


class _Checked:
    """A tracker whose exceptions are faults."""

    def __init__(self, tracker: Any) -> None:
        self.tracker, self.name = tracker, type(tracker).__name__
        if isinstance(tracker, type) or not isinstance(tracker, Tracker):
            raise UserError(f"tracker is {brief(tracker)}, but must have the methods start, log, figure and finish")

    def start(self, folder: Path, id: str, step: int) -> str:
        """Its id of the run."""
        folder.mkdir(exist_ok=True)
        returned = self.call("start", TrackedRun(folder, _SETTINGS, id, step))
        if not isinstance(returned, str | None):
            raise UserError(f"{self.name}.start returned {brief(returned)}, but must return a text or None")
        return returned or ""

    def call(self, method: str, *arguments: Any) -> Any:
        """What a method returns."""
        try:
            return getattr(self.tracker, method)(*arguments)
        except Exception as error:
            why = str(error) if isinstance(error, UserError) else reason(error)
            raise UserError(f"{self.name}.{method} failed: {why}") from error

    def flush(self) -> None:
        """Deliver, if it collects."""
        if isinstance(self.tracker, Buffered):
            self.call("flush")


def _figure() -> Any:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([3, 2, 1])
    return figure
