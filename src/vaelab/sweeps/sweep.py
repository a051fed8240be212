"""A search over settings that processes share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vaelab.metrics.checks import at_least
from vaelab.ranges import optuna
from vaelab.sweeps.results import SweepResults
from vaelab.sweeps.settings import Sweep
from vaelab.sweeps.worker import Worker
from vaelab.trackers import Log
from vaelab.tracking.trackers import Trackers
from vaelab.training.prepare import choose_data


def sweep(
    settings: Sweep,
    out: str | Path,
    *,
    trials: int,
    storage: str | None = None,
    name: str = "sweep",
    data: Any = None,
    data_directory: Path | None = None,
    show: bool | None = None,
    say: Callable[[str], None] = lambda line: None,
    log: Log = (),
    log_every: int = 0,
) -> SweepResults:
    """Search over settings; processes that are given the same study share its trials.

    A trial is the run OUT/trial-NNNN. It keeps the experiment's seed, so its experiment.json repeats it. A trial whose
    process was killed is taken up, and its run resumed, by the next process that is free. OUT/sweep.csv has all
    trials, best first, and OUT/best.json the best experiment, for `vaelab train --config`.

    Args:
        settings: what is varied, and what trials are compared by.
        out: the folder of the runs. Processes that share it take up each other's runs from their last checkpoint.
        trials: how many trials the study has in all.
        storage: the path of a journal file, or the URL of a database; by default OUT/journal.log.
        name: the name of the study in the storage.
        data: images instead of those that the experiment names.
        data_directory: the folder of data sets.
        show: show progress on standard error.
        say: called with a line about each trial.
        log: trackers of each trial's run, as for `vaelab.train`.
        log_every: steps between two that trackers are given.

    Raises:
        UserError: a storage that cannot be reached, a study that was begun with another sweep or other images, three
            trials in a row that cannot be trained, or as `vaelab.train`.
        KeyboardInterrupt: as `vaelab.train`; the trial is taken up when the sweep goes on.
    """
    at_least("trials", trials, 1)
    folder = Path(out)
    optuna()
    Trackers(log, log_every)  # one that is unknown is refused before any trial
    _, images = choose_data(settings.experiment, data, data_directory)
    storage = storage or str(folder / "journal.log")
    worker = Worker(settings, images, folder, storage, name, show=show, say=say, log=log, log_every=log_every)
    return worker.work(trials)
