"""Preparation of a training run: data, model, objective and optimiser, from the seed or from the last checkpoint."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from vaelab._version import __version__
from vaelab.codec import encode
from vaelab.contract import Trace
from vaelab.data import Data, InMemory, SourceSpec, check_augmentations, data_of, open_data, training_and_validation
from vaelab.errors import UserError
from vaelab.experiment import Experiment, Record, Training
from vaelab.models.files import begin_with, save, weights_digest
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel
from vaelab.objectives import Loss
from vaelab.precision import computes_in_bf16
from vaelab.processes import count, first
from vaelab.schedules import Progress
from vaelab.training.checkpoint import State, read_checkpoint
from vaelab.training.device import choose_device
from vaelab.training.dry_run import dry_run
from vaelab.training.folder import Row, RunFolder
from vaelab.training.full_pass import DeviceSplit, accumulator, to_device
from vaelab.training.labelled import repeat_labelled
from vaelab.training.mean_start import start_at_mean
from vaelab.training.optimiser import make_optimiser, moving_average, parts_with_weights, trained_parameters
from vaelab.training.prior import start_from_codes, training_mode
from vaelab.training.watcher import Watcher


@dataclass(kw_only=True)
class Job:
    """The objects of a training run."""

    experiment: Experiment
    data: Data
    folder: RunFolder
    device: torch.device
    bf16: bool
    record: Record
    model: Model
    tested: Model
    """The model that is tested and saved: `model` itself, or its moving average."""
    average: torch.optim.swa_utils.AveragedModel | None
    objective: Loss
    parts: dict[str, nn.Module]
    trained: list[nn.Parameter]
    optimiser: torch.optim.Optimizer
    state: State
    train_split: DeviceSplit
    train_rows: torch.Tensor
    """The rows of `train_split` to train on, with repetitions if labels are scarce; the others are held out."""
    validation_split: DeviceSplit | None
    test_split: DeviceSplit
    rows: list[Row]
    watcher: Watcher

    @property
    def settings(self) -> Training:
        """The training settings."""
        return self.experiment.training

    @property
    def n_images(self) -> int:
        """Number of training images that an epoch shows."""
        return len(self.train_rows)

    @property
    def batch_size(self) -> int:
        """Number of images per step, at most `n_images`."""
        return min(self.settings.batch_size, self.n_images)

    @property
    def batches(self) -> int:
        """Number of steps per epoch."""
        return math.ceil(self.n_images / self.batch_size)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or patience has run out."""
        return self.state.epoch > self.settings.epochs or self.patience_exhausted

    @property
    def patience_exhausted(self) -> bool:
        """Whether the last `patience` epochs have not lowered the total on the validation images."""
        patience = self.settings.patience
        if not 0 < patience < len(self.rows):
            return False
        totals = [row["validation_total"] for row in self.rows]
        return min(totals[-patience:]) >= min(totals[:-patience])

    @property
    def by_row(self) -> list[tuple[nn.Module, str]]:
        """What several processes share out, row by row: parts of the model, and of its moving average."""
        return self.model.by_row + ([] if self.average is None else self.tested.by_row)

    @property
    def alike(self) -> dict[str, str]:
        """What must be the same in all processes, by name."""
        settings, state = json.dumps(encode(self.experiment)), self.state
        weights = [weights_digest(part) for part in self.parts.values()]
        device = f"{self.device.type}, {'bf16' if self.bf16 else 'fp32'}"
        versions = f"{__version__}, {torch.__version__}"
        return {
            "settings": settings,
            "data": self.data.digest,
            "device": device,
            "versions": versions,
            "checkpoint": f"epoch {state.epoch}, step {state.step}, {weights}",
        }

    def progress(self, step: int) -> Progress:
        """The progress of the run at a step of the current epoch."""
        return Progress(self.state.epoch, step, self.batches, self.settings.epochs, self.n_images)

    def forward(self, x: torch.Tensor, y: torch.Tensor | None) -> Trace:
        """The trace of a training batch."""
        trace: Trace = self.model(x, y, self.experiment.objective.samples)
        return trace


def choose_data(experiment: Experiment, data: Any, directory: Path | None) -> tuple[Experiment, Data]:
    """Open the images to train on; return them with the experiment, in which `data` names their source.

    Args:
        experiment: the experiment, which names a source.
        data: images instead of that source: `ImageData`, another source or its name, or anything that `as_data` takes,
            such as a tuple of images and labels.
        directory: the folder of data sets.

    Raises:
        UserError: as for `open_data` and `as_data`.
    """
    if data is None:
        return experiment, open_data(experiment.data, directory)
    images = data_of(data, directory)
    source = images.source if isinstance(images.source, SourceSpec) else InMemory(images.name)
    return replace(experiment, data=source), images


def prepare(experiment: Experiment, data: Data, folder: RunFolder, resume: bool, watcher: Watcher) -> Job:
    """Build all objects, check that they fit each other, and restore the last checkpoint, if there is one.

    Raises:
        UserError: parts that do not fit each other or break the contract, or a folder that holds another run.
    """
    settings = experiment.training
    experiment.check(data.format)
    check_augmentations(settings.augmentation, data, experiment.binarisation)
    train_rows, validation = training_and_validation(data, settings.validation)
    if settings.patience and validation is None:
        raise UserError(
            f"patience is {settings.patience}, but no validation images are held out to stop by",
            python="set validation to their number",
            flags="give their number with --validation",
        )
    if settings.compile and count() > 1:
        raise UserError(
            f"compile is on, which goes with one process, but {count()} train together",
            python="set compile=False",
            flags="drop --compile",
        )
    device = choose_device(settings.device)

    if experiment.model.conditional:
        train_rows = repeat_labelled(train_rows, data.split("train").labels, settings.labelled_share)

    # The seed draws the weights, which a checkpoint then replaces.
    torch.manual_seed(settings.seed)
    model = experiment.model.build(data.format)
    record = make_record(experiment, data, model)
    folder.check_resumable(record, resume)
    objective = experiment.objective.build_for(sum(model.widths), data.format)
    dry_run(model, objective, experiment, data)
    if experiment.start is not None and not folder.checkpoint.exists():
        begin_with(model, experiment.start)
    training_mode(model.to(device), settings.fit)
    bf16 = computes_in_bf16(device, settings.precision)
    # Images stay on the device, or in a mapped file, as bytes and are converted to pixels batch by batch.
    train_split, rows = to_device(data.split("train"), experiment.binarisation, device), torch.from_numpy(train_rows)
    if settings.start_at_mean and experiment.start is None and not folder.checkpoint.exists():
        start_at_mean(model, train_split, rows.to(train_split.home), settings.seed)
    if settings.fit == "prior" and not folder.checkpoint.exists():
        start_from_codes(cast(VAEModel, model), train_split, rows.to(train_split.home), bf16, settings.seed)
    average = moving_average(model, settings.average) if settings.average else None
    parts = parts_with_weights(model, average, objective, device)
    trained = trained_parameters(model, objective, settings.fit)
    optimiser = make_optimiser(settings.optimiser, trained)
    state = State(accumulator(device), experiment, threads=torch.get_num_threads())
    if folder.checkpoint.exists():
        read_checkpoint(folder.checkpoint, parts, optimiser, state)

    return Job(
        experiment=experiment,
        data=data,
        folder=folder,
        device=device,
        bf16=bf16,
        record=record,
        model=model,
        tested=model if average is None else cast(Model, average.module),
        average=average,
        objective=objective,
        parts=parts,
        trained=trained,
        optimiser=optimiser,
        state=state,
        train_split=train_split,
        train_rows=rows.to(train_split.home),
        validation_split=None if validation is None else to_device(validation, experiment.binarisation, device),
        test_split=to_device(data.split("test"), experiment.binarisation, device),
        rows=folder.history(state.epoch - 1, state.history),
        watcher=watcher,
    )


def begin(job: Job) -> None:
    """Write the record and, if requested, the untrained model; compile the networks if requested.

    Raises:
        UserError: the folder cannot be written.
    """
    job.folder.write_record(job.record)
    if job.settings.snapshot_every and not job.folder.checkpoint.exists():
        save_model(job, job.folder.snapshot(0))
    if job.settings.compile:
        job.model.compile_networks("reduce-overhead" if job.device.type == "cuda" else "default")


def save_model(job: Job, path: Path) -> None:
    """Save the model that is tested; of several processes, one does."""
    if first():
        save(job.tested, path)


def make_record(experiment: Experiment, data: Data, model: Model) -> Record:
    """The record of a run, to be written as experiment.json."""
    score = model.likelihood.score_name(experiment.binarisation.binary(data))
    return Record(experiment, data.format, score, data.digest)
