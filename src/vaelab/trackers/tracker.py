"""The protocol of trackers: programs beside this one that show how runs go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Setting = str | int | float | bool


class Outcome(StrEnum):
    """How a run ended."""

    finished = "finished"
    interrupted = "interrupted"
    failed = "failed"


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run when it starts.

    Args:
        folder: the run folder; its name is the run's.
        settings: the record of the run, flat, such as `{"model.latent": 2, "training.epochs": 30}`.
        id: what `start` returned for this run before; empty if it is new to this tracker.
        step: the last step that this tracker was given; 0 if there is none.
    """

    folder: Path
    settings: Mapping[str, Setting]
    id: str = ""
    step: int = 0

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.folder.resolve().name


@runtime_checkable
class Tracker(Protocol):
    """What `train(log=[...])` takes: any object with these four methods.

    An exception from any of them costs a warning, and the tracker is given nothing more but `finish`.
    `vaelab.testing.check_tracker` tests the contract.
    """

    def start(self, run: TrackedRun) -> str | None:
        """Begin a run, or continue it if `run.id` or `run.step` says that it is known.

        Returns:
            The id by which the run is continued later; None for a tracker that needs none.
        """

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Take numbers of a step, which counts the updates of the weights from 1.

        Steps come in order. The numbers of an epoch come after those of its last step, under the same number.
        """

    def figure(self, name: str, figure: Figure) -> None:
        """Take a figure of the trained model."""

    def finish(self, outcome: Outcome) -> None:
        """End the run: everything is delivered when this returns."""


@runtime_checkable
class Buffered(Protocol):
    """A tracker that collects what it is given by `log`, to deliver it at once."""

    def flush(self) -> None:
        """Deliver what was collected, so that a kill loses none of it."""
