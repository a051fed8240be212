"""MLflow: a server, a database or a folder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vaelab.trackers.server import refuse_absent
from vaelab.trackers.tracker import Outcome, TrackedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaelab.trackers import MLflow

_STATUS = {Outcome.finished: "FINISHED", Outcome.interrupted: "KILLED", Outcome.failed: "FAILED"}
# The most that one request may hold.
_METRICS, _PARAMETERS = 1000, 100
# MLflow waits for a lost server for minutes; a run should not. Values that the user has set stay.
_BRIEFLY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


class MLflowTracker:
    """A run of MLflow, written in batches, since each request takes some 20 ms."""

    def __init__(self, spec: MLflow) -> None:
        self.spec = spec
        self.client: Any = None
        self.id = ""
        self.pending: list[Any] = []
        self.last: dict[str, int] = {}
        """The last step of each metric that the run had when it was continued."""

    def start(self, run: TrackedRun) -> str:
        """Begin a run, or set the one with this id to running again; parameters that it has stay as they are.

        Raises:
            UserError: the server does not answer.
        """
        import mlflow
        from mlflow.entities import Metric, Param

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it reports each table that it makes
        uri = self.spec.uri or mlflow.get_tracking_uri()
        refuse_absent(uri, "start it with `mlflow server`, or name another by MLFLOW_TRACKING_URI")
        self.metric = Metric
        with _briefly():
            self.client = mlflow.MlflowClient(uri)
            found = self._find(run.id) or self.client.create_run(self._experiment(), run_name=run.name)
            self.id = found.info.run_id
            self.client.update_run(self.id, status="RUNNING")
            for name in found.data.metrics:
                self.last[name] = max(point.step for point in self.client.get_metric_history(self.id, name))
            # MLflow's parameters are final.
            new = [Param(name, str(value)) for name, value in run.settings.items() if name not in found.data.params]
            for start in range(0, len(new), _PARAMETERS):
                self.client.log_batch(self.id, params=new[start : start + _PARAMETERS])
        return self.id

    def _find(self, id: str) -> Any:
        """The run of this id, or None."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_run(id) if id else None
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return found if found and found.info.lifecycle_stage == "active" else None

    def _experiment(self) -> str:
        """The id of MLflow's experiment with the name of the project, made if absent."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self.spec.project)
        if found is None:
            try:
                return str(self.client.create_experiment(self.spec.project))
            except MlflowException:  # another process was faster
                found = self.client.get_experiment_by_name(self.spec.project)
                if found is None:
                    raise
        return str(found.experiment_id)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Collect numbers of a step, but for those that a process delivered just before it was killed."""
        now = int(time.time() * 1000)
        new = {name: value for name, value in metrics.items() if step > self.last.get(name, 0)}
        self.pending += [self.metric(name, value, now, step) for name, value in new.items()]

    def flush(self) -> None:
        """Send what was collected."""
        with _briefly():
            while self.pending:
                self.client.log_batch(self.id, metrics=self.pending[:_METRICS])
                del self.pending[:_METRICS]

    def figure(self, name: str, figure: Figure) -> None:
        """The figure as an artifact."""
        with _briefly():
            self.client.log_figure(self.id, figure, f"figures/{name}.png")

    def finish(self, outcome: Outcome) -> None:
        """Send the rest, and set the status."""
        self.flush()
        with _briefly():
            self.client.set_terminated(self.id, _STATUS[outcome])


@contextmanager
def _briefly() -> Iterator[None]:
    """Let MLflow give up early, unless the user has said when."""
    ours = {name: value for name, value in _BRIEFLY.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
