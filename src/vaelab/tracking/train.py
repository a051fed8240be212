"""Training a model under the eyes of trackers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaelab.errors import UserError
from vaelab.experiment import Experiment, read_experiment
from vaelab.models.files import with_modules
from vaelab.processes import first
from vaelab.spec import Spec
from vaelab.trackers import Log
from vaelab.tracking.trackers import Stop, Trackers
from vaelab.training import Run, train as run_training
from vaelab.training.folder import RunFolder


def train(
    experiment: Experiment,
    out: str | Path,
    *,
    resume: bool = False,
    data: Any = None,
    data_directory: Path | None = None,
    show: bool | None = None,
    title: str = "",
    log: Log = (),
    log_every: int = 0,
    stop: Stop | None = None,
) -> Run:
    """Train a model and write a run folder.

    The seed decides initial weights, data order and noise: on one machine with one number of threads, a CPU gives the
    same weights bit for bit, even if the process is killed at any moment and resumed.

    Args:
        experiment: data, model, objective and training.
        out: the run folder, created if absent.
        resume: continue from the folder's last checkpoint, if there is one.
        data: images instead of those that the experiment names: `ImageData`, a source or its name, or anything that
            `vaelab.as_data` takes, such as (images, labels). The record names the source, or says that the images were
            in memory.
        data_directory: the folder of data sets.
        show: show progress on standard error; by default if that is a terminal.
        title: a title for the progress display.
        log: trackers that are given metrics, settings and, at the end, the figures of the model: words such as
            "tensorboard", specs such as `vaelab.MLflow(uri=...)`, or objects with the methods of `vaelab.Tracker`. One
            that fails costs a warning. They are no part of the record.
        log_every: also give them loss, reconstruction, KL and beta of every n-th step; 0 for epochs alone.
        stop: called after each epoch, when its files are written, with the rows of metrics.csv so far; if it returns
            True, the run ends there, and `resume` can go on with it.

    Raises:
        UserError: bad settings or data, a tracker that is unknown or not installed, parts that break the contract, a
            folder that is in use or holds another run, a full disk, or a loss that is not finite; the last checkpoint
            is kept.
        KeyboardInterrupt: on SIGINT or SIGTERM, after a checkpoint was written.
    """
    with Trackers(log if first() else (), log_every, stop) as trackers:
        run = run_training(
            experiment,
            out,
            resume=resume,
            data=data,
            data_directory=data_directory,
            show=show,
            title=title,
            watcher=trackers,
        )
        trackers.show(run)
    return run


def resume(
    path: str | Path,
    *,
    epochs: int | None = None,
    data: Any = None,
    data_directory: Path | None = None,
    specs: Sequence[type[Spec]] = (),
    modules: tuple[Any, Any] | None = None,
    show: bool | None = None,
    log: Log = (),
    log_every: int = 0,
) -> Run:
    """Resume a run that was stopped, or train it for more epochs: `vl.resume("runs/x", epochs=40)`.

    Args:
        path: the run folder.
        epochs: the total number of epochs; by default that of the run.
        data: the same images, for a run on images in memory.
        data_directory: the folder of data sets.
        specs: spec classes from outside this package that are not imported yet.
        modules: encoder and decoder of a model whose network is `Modules`.
        show: as for `train`.
        log: as for `train`; a tracker that had the run before continues it.
        log_every: as for `train`.

    Raises:
        UserError: the folder holds no run, or as for `train`.
    """
    folder = RunFolder(Path(path))
    if not folder.record.exists():
        raise UserError(f"{path} holds no run (no experiment.json); name a folder that `vaelab train` made")
    experiment = read_experiment(folder.record, specs)
    experiment = replace(experiment, model=with_modules(experiment.model, modules))
    if epochs is not None:
        experiment = replace(experiment, training=replace(experiment.training, epochs=epochs))
    return train(
        experiment,
        path,
        resume=True,
        data=data,
        data_directory=data_directory,
        show=show,
        log=log,
        log_every=log_every,
    )
