"""Training a model: prepare, run the epochs, finish."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from vaelab.errors import UserError, brief
from vaelab.experiment import Experiment
from vaelab.models.files import load
from vaelab.networks import Modules
from vaelab.processes import first
from vaelab.spec import assumed, classes_in
from vaelab.training.by_rows import computed_by_rows
from vaelab.training.device import choose_device, describe_machine, fork_rng, keep_freed_memory
from vaelab.training.display import Display
from vaelab.training.epoch import finish_epoch, run_steps
from vaelab.training.folder import RunFolder
from vaelab.training.group import any_process, joined, require_alike
from vaelab.training.guards import interruptions, stop_if
from vaelab.training.prepare import Job, begin, choose_data, prepare
from vaelab.training.run import Run
from vaelab.training.watcher import Watcher


def train(
    experiment: Experiment,
    out: str | Path,
    *,
    resume: bool = False,
    data: Any = None,
    data_directory: Path | None = None,
    show: bool | None = None,
    title: str = "",
    watcher: Watcher | None = None,
) -> Run:
    """`vaelab.train` with a watcher in place of trackers.

    Args:
        experiment: and the other arguments: as for `vaelab.train`.
        out: the run folder.
        resume: continue from a checkpoint.
        data: images instead of those that the experiment names.
        data_directory: the folder of data sets.
        show: show progress.
        title: a title for the progress display.
        watcher: is told of steps and epochs.

    Raises:
        UserError: as `vaelab.train`.
        KeyboardInterrupt: on SIGINT or SIGTERM, after a checkpoint was written.
    """
    if not isinstance(experiment, Experiment):
        raise UserError(
            f"experiment is {brief(experiment)}, but must be an Experiment, such as vaelab.preset('vae') or "
            "vaelab.Experiment(model=...)"
        )
    if not isinstance(out, str | Path) or not str(out):
        raise UserError(f"out is {out!r}, but must be the path of a folder")
    folder = RunFolder(Path(out))
    show = (sys.stderr.isatty() if show is None else show) and first()
    device = choose_device(experiment.training.device)
    with joined(device), folder.locked(), fork_rng(device):
        experiment, images = choose_data(experiment, data, data_directory)
        job = prepare(experiment, images, folder, resume, watcher or Watcher())
        require_alike(job.alike)
        if job.finished:
            return finished_run(job)
        begin(job)
        keep_freed_memory()
        folder.log("started", epoch=job.state.epoch, step=job.state.step, machine=describe_machine(device, job.bf16))
        job.watcher.begin(job)
        with (
            interruptions() as interrupted,
            Display(title, job.settings.epochs, job.batches, show, job.data.noun) as display,
            computed_by_rows(job.by_row),
        ):
            report_notes(job, display)
            while not job.finished:
                seconds = run_steps(job, display, interrupted)
                finish_epoch(job, display, seconds)
                stop_if(any_process(interrupted.is_set()), job.state, folder)
                if any_process(job.watcher.ends(job)) and not job.finished:
                    folder.log("ended", epoch=job.state.epoch - 1)
                    return finished_run(job)
            if job.patience_exhausted:
                display.say(f"stopped: the last {job.settings.patience} epochs have not lowered the validation total")
        folder.log("finished", epochs=job.state.epoch - 1)
    return finished_run(job)


def report_notes(job: Job, display: Display) -> None:
    """Report, in the log and on the screen, what is assumed of foreign parts, and which images were left out."""
    notes = [note for note in map(assumed, classes_in(job.experiment)) if note]
    if notes:
        job.folder.log("assumed", notes=notes)
        for note in notes:
            display.say(note)
    before, now = job.state.resumed_threads, job.state.threads
    if before not in (None, now):
        job.folder.log("threads", before=before, now=now)
        display.say(
            f"resumed with {now} threads, begun with {before}: the weights can differ in their last bits "
            f"(OMP_NUM_THREADS={before} repeats them)"
        )
    if job.data.skipped:
        job.folder.log("skipped", files=list(job.data.skipped))
        display.say(f"left out, since they cannot be decoded: {', '.join(job.data.skipped)}")


def finished_run(job: Job) -> Run:
    """The finished run, with its model loaded from the saved file; a process that saved none has that in its memory."""
    if not first():
        return Run(job.folder.path, job.record, job.tested.cpu().eval().requires_grad_(False), job.rows, job.data)
    network = getattr(job.experiment.model, "network", None)
    modules = (network.encoder, network.decoder) if isinstance(network, Modules) else None
    model = load(job.folder.last, specs=classes_in(job.experiment), modules=modules)
    return Run(job.folder.path, job.record, model, job.folder.rows(), job.data)
