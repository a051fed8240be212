"""Trackers: TensorBoard, Weights & Biases, MLflow, trackio, or an object of a user's own.

This room knows no model: a tracker takes numbers, figures and settings. A tracker's package is imported when it starts.
"""

from __future__ import annotations

import importlib.util
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from vaelab.errors import UserError, brief
from vaelab.named import parse_named, text_of
from vaelab.spec import Spec, qualified_name
from vaelab.trackers.server import without_password
from vaelab.trackers.tracker import (
    Buffered as Buffered,
    Outcome as Outcome,
    Setting as Setting,
    TrackedRun as TrackedRun,
    Tracker as Tracker,
)


class TrackerSpec(Spec, room=True):
    """Base of the settings of trackers; never part of a run's record, and no place for a token."""

    package: ClassVar[str] = ""
    """The package that it needs, of the extra `track`; empty for none."""

    @abstractmethod
    def build(self) -> Tracker:
        """A tracker for one run."""


@dataclass(frozen=True)
class TensorBoard(TrackerSpec):
    """Event files of TensorBoard, by default in the run folder: `tensorboard --logdir runs` shows all runs."""

    kind: ClassVar[str] = "tensorboard"
    package: ClassVar[str] = "tensorboard"
    directory: str = ""
    """Where a folder per run is made; by default `tensorboard` in the run folder."""

    def build(self) -> Tracker:
        """The tracker."""
        from vaelab.trackers.tensorboard import TensorBoardTracker

        return TensorBoardTracker(self)


@dataclass(frozen=True)
class WandB(TrackerSpec):
    """Weights & Biases; its own settings hold, such as WANDB_MODE=offline, and `wandb login` keeps the key."""

    kind: ClassVar[str] = "wandb"
    package: ClassVar[str] = "wandb"
    project: str = "vaelab"
    """The project of the runs."""
    entity: str = ""
    """The user or team that has the project; by default as W&B is set up."""
    mode: Literal["online", "offline"] | None = None
    """By default as W&B is set up."""

    def build(self) -> Tracker:
        """The tracker."""
        from vaelab.trackers.wandb import WandBTracker

        return WandBTracker(self)


@dataclass(frozen=True)
class MLflow(TrackerSpec):
    """MLflow: a server, a database or a folder."""

    package: ClassVar[str] = "mlflow"
    uri: str = ""
    """Such as http://localhost:5000 or sqlite:///runs/mlflow.db; by default MLFLOW_TRACKING_URI, otherwise MLflow's
    own place in the current folder."""
    project: str = "vaelab"
    """The experiment, in MLflow's words, that the runs belong to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if without_password(self.uri) != self.uri:
            raise UserError(
                "MLflow.uri holds a name or a password; leave it out, and set MLFLOW_TRACKING_URI, or "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )

    def build(self) -> Tracker:
        """The tracker."""
        from vaelab.trackers.mlflow import MLflowTracker

        return MLflowTracker(self)


@dataclass(frozen=True)
class Trackio(TrackerSpec):
    """trackio: a database on this machine, in TRACKIO_DIR; `trackio show` opens it."""

    package: ClassVar[str] = "trackio"
    project: str = "vaelab"
    """The project of the runs."""

    def build(self) -> Tracker:
        """The tracker."""
        from vaelab.trackers.trackio import TrackioTracker

        return TrackioTracker(self)


Log = str | TrackerSpec | Tracker | Sequence[str | TrackerSpec | Tracker]
"""The trackers that a run is logged to."""


def build_trackers(log: Log) -> dict[str, Tracker]:
    """The trackers that a user names or gives, by the name under which a run folder keeps their ids.

    Args:
        log: words such as "tensorboard" or "mlflow:http://localhost:5000", specs such as `MLflow(uri=...)`, or objects
            with the methods of `Tracker`.

    Raises:
        UserError: there is no such tracker, its package is not installed, or one is named twice.

    >>> list(build_trackers(["tensorboard:logs"]))
    ['tensorboard:logs']
    """
    built: dict[str, Tracker] = {}
    for given in log if isinstance(log, Sequence) and not isinstance(log, str) else (log,):
        each = parse_named(TrackerSpec, given, "log") if isinstance(given, str) else given
        if isinstance(each, type) or not isinstance(each, TrackerSpec | Tracker):
            raise UserError(
                f"log has {brief(each)}, but must have words such as 'tensorboard', specs such as vaelab.MLflow(), or "
                "objects with the methods start, log, figure and finish"
            )
        name = text_of(each) if isinstance(each, TrackerSpec) else qualified_name(each)
        if name in built:
            raise UserError(f"log has {name!r} twice; leave one out")
        built[name] = _built(each) if isinstance(each, TrackerSpec) else each
    return built


def _built(spec: TrackerSpec) -> Tracker:
    if spec.package and importlib.util.find_spec(spec.package) is None:
        raise UserError(
            f"log has {spec.kind!r}, but {spec.package} is not installed; pip install 'vaelab[track]', or leave it out"
        )
    tracker = spec.build()
    if not isinstance(tracker, Tracker):
        raise UserError(
            f"{type(spec).__name__}.build returned {brief(tracker)}, but must return an object with the methods "
            "start, log, figure and finish"
        )
    return tracker
