"""What watches a training without being part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from vaelab.contract import Trace
from vaelab.schedules import Progress

if TYPE_CHECKING:
    from vaelab.training.prepare import Job


class Watcher:
    """Is told how a training goes on; this one ignores it.

    Nothing that a watcher does may change the training, except that it may end it after an epoch.
    """

    def begin(self, job: Job) -> None:
        """The training begins, or goes on from a checkpoint: `job.rows` are the epochs so far."""

    def step(self, job: Job, progress: Progress, loss: Tensor, trace: Trace) -> None:
        """A step was taken; reading a tensor here would make an accelerator wait."""

    def checkpoint(self, job: Job) -> None:
        """A checkpoint is about to be written: steps and epochs up to here are not repeated."""

    def ends(self, job: Job) -> bool:
        """An epoch is over and its files are written; whether the run ends here."""
        return False
