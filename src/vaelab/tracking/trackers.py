"""All trackers of a run: they are given what its checkpoints hold."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from vaelab.contract import Trace
from vaelab.errors import UserError, brief, reason
from vaelab.figures import draw
from vaelab.figures.source import FigureSource
from vaelab.schedules import Progress
from vaelab.trackers import Log, Outcome, TrackedRun, build_trackers
from vaelab.tracking.guarded import Guarded
from vaelab.tracking.known import Entry, Known, read_known, write_known
from vaelab.tracking.settings import settings_of
from vaelab.training import Run, Watcher
from vaelab.training.device import fork_rng
from vaelab.training.folder import Row
from vaelab.training.full_pass import batch_sums
from vaelab.training.prepare import Job

Stop = Callable[[list[Row]], bool]
"""Whether a training ends, by the rows of metrics.csv so far."""
_OF_A_STEP = ("step_loss", "step_reconstruction", "step_kl")


class Trackers(Watcher):
    """Gives the metrics of a training to trackers, as a context that finishes them.

    Trackers get metrics just before each checkpoint, so a resumed run repeats no step that they have. Numbers of
    single steps stay on the device until then, so that no step waits for them.

    Args:
        log: the trackers.
        every: also log every n-th step; 0 for epochs alone.
        stop: decides after each epoch whether the training ends.

    Raises:
        UserError: as `build_trackers`, or `every` is no whole number >= 0.
    """

    def __init__(self, log: Log = (), every: int = 0, stop: Stop | None = None) -> None:
        self.all = [Guarded(name, tracker, self.warn) for name, tracker in build_trackers(log).items()]
        if not isinstance(every, int) or isinstance(every, bool) or every < 0:
            raise UserError(f"log_every is {brief(every)}, but must be a whole number >= 0")
        if every and not self.all:
            raise UserError(
                f"log_every is {every}, but there is no tracker",
                python="name one, such as log=['tensorboard']",
                flags="name one, such as --log tensorboard",
            )
        self.every, self.stop = every, stop
        self.job: Job | None = None
        self.known: dict[str, Known] = {}
        self.of_steps: list[tuple[int, float, Tensor]] = []

    def __enter__(self) -> Self:
        return self

    def begin(self, job: Job) -> None:
        """Start the trackers, or let them go on, and give them the epochs that they miss."""
        self.job = job
        if not self.all:
            return
        try:
            self.known = read_known(job.folder.trackers)
        except UserError as error:
            self.warn(f"trackers begin anew: {error}")
        settings = settings_of(job.record)
        with fork_rng(job.device):  # a tracker may draw random numbers, which the training must not notice
            for each in self.all:
                known = self.known.get(each.known.name, each.known)
                each.start(TrackedRun(job.folder.path, settings, known.id, known.step), known)
        self.checkpoint(job)

    def step(self, job: Job, progress: Progress, loss: Tensor, trace: Trace) -> None:
        """Keep the numbers of every n-th step, on the device."""
        if not self.every:
            return
        number = steps_before(progress.epoch, job) + progress.step + 1
        if number % self.every == 0:
            means = batch_sums(trace) / len(trace.x)
            beta = job.experiment.objective.beta(progress)
            self.of_steps.append((number, beta, torch.stack([loss.detach().to(means.dtype), *means])))

    def checkpoint(self, job: Job) -> None:
        """Give the trackers all entries that they do not have."""
        if not self.all:
            return
        entries = self._entries(job)
        with fork_rng(job.device):
            for each in self.all:
                each.give(entries)
        self._remember(job)

    def ends(self, job: Job) -> bool:
        """Whether the caller ends the training after this epoch."""
        return self.stop is not None and self.stop(job.rows)

    def show(self, run: Run) -> None:
        """Give the trackers the figures of a trained model, those that `vaelab figures` draws."""
        if not any(each.listens for each in self.all):
            return
        try:
            for drawn in draw(FigureSource.of_run(run, run.data), left_out=self.warn):
                for each in self.all:
                    each.figure(drawn.name, drawn.figure)
        except Exception as error:
            self.warn(f"trackers are given no further figures: {reason(error)}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.job is None:
            return
        if error is not None:
            # The last steps before a failure say most of it. Reading them can fail as the training did.
            with contextlib.suppress(Exception):
                self.checkpoint(self.job)
        interrupted = isinstance(error, KeyboardInterrupt)
        outcome = Outcome.finished if error is None else Outcome.interrupted if interrupted else Outcome.failed
        for each in self.all:
            each.finish(outcome)

    def warn(self, line: str) -> None:
        """Say a line to the user, and keep it in the run's log."""
        if self.job is not None:
            with contextlib.suppress(UserError):
                self.job.folder.log("tracker", says=line)
        warnings.warn(line, stacklevel=2)

    def _entries(self, job: Job) -> list[Entry]:
        """The steps since the last checkpoint, and all epochs, in order."""
        entries = [Entry(steps_before(int(row["epoch"]) + 1, job), row, int(row["epoch"])) for row in job.rows]
        if self.of_steps:
            # The device is waited for once.
            values = torch.stack([tensor for _, _, tensor in self.of_steps]).tolist()
            for (step, beta, _), numbers in zip(self.of_steps, values, strict=True):
                entries.append(Entry(step, dict(zip(_OF_A_STEP, numbers, strict=True)) | {"step_beta": beta}))
            self.of_steps = []
        return sorted(entries, key=lambda entry: (entry.step, entry.epoch))

    def _remember(self, job: Job) -> None:
        """Keep what the trackers have, and what the folder knows of trackers that are not asked now."""
        self.known |= {each.known.name: each.known for each in self.all if each.started}
        # A run that failed before its first checkpoint leaves nothing. A full disk is reported by the checkpoint.
        if job.folder.record.exists():
            with contextlib.suppress(UserError):
                write_known(job.folder.trackers, self.known)


def steps_before(epoch: int, job: Job) -> int:
    """The number of steps of a run before an epoch."""
    return (epoch - 1) * job.batches
