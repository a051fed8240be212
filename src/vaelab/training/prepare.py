"""The preparation of a training: data, model, objective and optimiser, from the seed or from the last checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from vaelab.contract import Trace
from vaelab.data import ImageData, InMemory, SourceSpec, as_data, open_data
from vaelab.experiment import Experiment, Record, Training
from vaelab.models.files import begin_with, save
from vaelab.models.model import Model
from vaelab.objectives import Loss
from vaelab.schedules import Progress
from vaelab.training.checkpoint import State, read_checkpoint
from vaelab.training.device import choose_device, computes_in_bf16
from vaelab.training.dry_run import dry_run
from vaelab.training.folder import Row, RunFolder
from vaelab.training.full_pass import DeviceSplit, accumulator, to_device
from vaelab.training.optimiser import make_optimiser, moving_average, parts_with_weights, trained_parameters


@dataclass(kw_only=True)
class Job:
    """Everything that one training consists of, from its first step to its last."""

    experiment: Experiment
    data: ImageData
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
    test_split: DeviceSplit
    rows: list[Row]

    @property
    def settings(self) -> Training:
        """How the model is trained."""
        return self.experiment.training

    @property
    def n_images(self) -> int:
        """Training images."""
        return len(self.train_split.images)

    @property
    def batch_size(self) -> int:
        """Images per step; never more than there are."""
        return min(self.settings.batch_size, self.n_images)

    @property
    def batches(self) -> int:
        """Steps per epoch."""
        return math.ceil(self.n_images / self.batch_size)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self.state.epoch > self.settings.epochs

    def progress(self, step: int) -> Progress:
        """The position of a step of this epoch in the run."""
        return Progress(self.state.epoch, step, self.batches, self.settings.epochs, self.n_images)

    def forward(self, x: torch.Tensor, y: torch.Tensor | None) -> Trace:
        """One batch through the model, in training."""
        trace: Trace = self.model(x, y, self.experiment.objective.samples)
        return trace


def choose_data(experiment: Experiment, data: Any, directory: Path | None) -> tuple[Experiment, ImageData]:
    """The images to train on, and the experiment whose record says where they come from.

    Args:
        experiment: names a source.
        data: images instead of that source: `ImageData`, another source or its name, or what `as_data` takes, such as
            a tuple of images and labels.
        directory: the folder of data sets.

    Raises:
        UserError: as `open_data` and `as_data`.
    """
    if data is None:
        return experiment, open_data(experiment.data, directory)
    if isinstance(data, str | SourceSpec):
        images = open_data(data, directory)
    else:
        images = as_data(*data) if isinstance(data, tuple) and len(data) == 2 else as_data(data)
    source = images.source if isinstance(images.source, SourceSpec) else InMemory(images.name)
    return replace(experiment, data=source), images


def prepare(experiment: Experiment, data: ImageData, folder: RunFolder, resume: bool) -> Job:
    """Build everything, refuse what does not go together, and go to where the last checkpoint left off.

    Raises:
        UserError: parts that do not go together or do not keep the contract, or a folder that holds another run.
    """
    settings = experiment.training
    experiment.check(data.format)
    device = choose_device(settings.device)

    # The model, its weights drawn from the seed, or as the last checkpoint left it.
    torch.manual_seed(settings.seed)
    model = experiment.model.build(data.format)
    record = make_record(experiment, data, model)
    folder.check_resumable(record, resume)
    objective = experiment.objective.build(sum(model.widths))
    dry_run(model, objective, experiment, data)
    if experiment.start is not None and not folder.checkpoint.exists():
        begin_with(model, experiment.start)
    model.to(device).train(settings.fit == "all")
    average = moving_average(model, settings.average) if settings.average else None
    parts = parts_with_weights(model, average, objective, device)
    trained = trained_parameters(model, objective, settings.fit)
    optimiser = make_optimiser(settings.optimiser, trained)
    state = State(sums=accumulator(device))
    if folder.checkpoint.exists():
        read_checkpoint(folder.checkpoint, parts, optimiser, state)

    return Job(
        experiment=experiment,
        data=data,
        folder=folder,
        device=device,
        bf16=computes_in_bf16(device, settings.precision),
        record=record,
        model=model,
        tested=model if average is None else cast(Model, average.module),
        average=average,
        objective=objective,
        parts=parts,
        trained=trained,
        optimiser=optimiser,
        state=state,
        # The data stay on the device as bytes; a batch becomes pixels there.
        train_split=to_device(data.split("train"), experiment.binarisation, device),
        test_split=to_device(data.split("test"), experiment.binarisation, device),
        rows=folder.rows(epochs=state.epoch - 1),
    )


def begin(job: Job) -> None:
    """Write the record and, before the first step, the untrained model; compile the networks where asked.

    Raises:
        UserError: the folder cannot be written.
    """
    job.folder.write_record(job.record)
    if job.settings.snapshot_every and not job.folder.checkpoint.exists():
        save(job.tested, job.folder.snapshot(0))
    if job.settings.compile:
        job.model.compile_networks("reduce-overhead" if job.device.type == "cuda" else "default")


def make_record(experiment: Experiment, data: ImageData, model: Model) -> Record:
    """The record of a run, as experiment.json holds it."""
    score = model.likelihood.score_name(experiment.binarisation.binary(data))
    return Record(experiment, data.format, score, data.digest)
