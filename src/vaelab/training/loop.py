"""The training loop: one story, read downward."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from vaelab.data import ImageData
from vaelab.errors import UserError
from vaelab.experiment import Adam, Experiment, Record
from vaelab.models.files import save
from vaelab.models.vae import VAEModel
from vaelab.schedules import Progress
from vaelab.training.checkpoint import State, read_checkpoint, write_checkpoint
from vaelab.training.device import autocast, choose_device, computes_in_bf16, keep_freed_memory
from vaelab.training.display import Display
from vaelab.training.full_pass import Totals, accumulator, batch_sums, full_pass
from vaelab.training.run import Run, RunFolder, open_run

_LIVE_SECONDS = 0.5


def train(
    experiment: Experiment,
    out: str | Path,
    *,
    resume: bool = False,
    data: ImageData | None = None,
    data_directory: Path | None = None,
    show: bool = False,
    title: str = "training",
) -> Run:
    """Train a model and leave a run folder behind.

    The seed decides initial weights, data order and noise: on one machine, with one number of threads, a
    CPU gives the same weights bit for bit, also when the process was killed at any moment and resumed.

    Args:
        experiment: data, model, objective and training.
        out: the run folder, made where absent.
        resume: go on from the folder's last checkpoint, if it has one.
        data: pictures in memory, instead of loading those that the experiment names.
        data_directory: where data sets lie.
        show: show progress on standard error.
        title: the name that progress is shown under.

    Raises:
        UserError: bad settings or data, a folder that is in use or holds another run, a full disk, or a loss
            that is not finite; what was saved before is kept.
        KeyboardInterrupt: on SIGINT, after a checkpoint was written.
    """
    folder, settings = RunFolder(Path(out)), experiment.training
    with folder.locked(), _own_random_numbers(), _interruptions() as interrupted:
        folder.settle(experiment, resume)
        data = data or experiment.data.load(data_directory)
        experiment.model.check(data.format)
        train_split, test_split = data.split("train"), data.split("test")

        # The model, its weights drawn from the seed.
        device = choose_device(settings.device)
        bf16 = computes_in_bf16(device, settings.precision)
        torch.manual_seed(settings.seed)
        model = experiment.model.build(data.format).to(device).train()
        optimiser = _optimiser(settings.optimiser, model)
        state = State(sums=accumulator(device))

        folder.write_record(_record(experiment, data, model))
        if folder.checkpoint.exists():
            read_checkpoint(folder.checkpoint, model, optimiser, state)
        rows = folder.rows(epochs=state.epoch - 1)
        folder.log(
            "started",
            epoch=state.epoch,
            step=state.step,
            device=str(device),
            bf16=bf16,
            threads=torch.get_num_threads(),
        )

        # The data stay on the device as bytes; a batch becomes pixels there.
        keep_freed_memory()
        images = torch.from_numpy(experiment.binarisation.prepare(train_split.images)).to(device)
        labels = None if train_split.labels is None else torch.from_numpy(train_split.labels).to(device)
        batch_size = min(settings.batch_size, len(images))
        batches = math.ceil(len(images) / batch_size)
        if settings.compile:
            _compile_networks(model, device)

        with Display(title, settings.epochs, batches, show) as display:
            while state.epoch <= settings.epochs:
                order = _order(settings.seed, state.epoch, len(images)).to(device)
                # The first step of this epoch whose loss was not finite; read only where waiting is cheap.
                first_bad = torch.full((), batches, device=device)
                began = saved = shown = time.monotonic()

                for step in range(state.step, batches):
                    progress = Progress(state.epoch, step, batches, settings.epochs)
                    optimiser.param_groups[0]["lr"] = learning_rate = (
                        settings.optimiser.learning_rate * settings.optimiser.schedule(progress)
                    )
                    rows_of_batch = order[step * batch_size : (step + 1) * batch_size]
                    x = experiment.binarisation.pixels(images[rows_of_batch])
                    y = None if labels is None else labels[rows_of_batch]

                    with autocast(device, bf16):
                        trace = model(x, y, experiment.objective.samples)
                    loss = experiment.objective(trace, progress)
                    loss.backward()
                    optimiser.step()
                    optimiser.zero_grad()

                    state.step = step + 1
                    state.sums += batch_sums(trace)
                    first_bad = torch.where(loss.isfinite(), first_bad, first_bad.clamp(max=step))
                    display.step(state.epoch, state.step)

                    now = time.monotonic()
                    if device.type == "cpu" and now - shown > _LIVE_SECONDS:
                        _refuse_bad_loss(first_bad, state, batches, folder)
                        seen = min(state.step * batch_size, len(images))
                        speed = seen / (state.seconds + now - began)
                        display.live(state.epoch, _totals(state.sums, seen), experiment.objective.beta(progress), speed)
                        shown = now
                    if interrupted.is_set() or now - saved > settings.checkpoint_seconds:
                        _refuse_bad_loss(first_bad, state, batches, folder)
                        _refuse_bad_weights(model, state, folder)
                        state.seconds, began = state.seconds + now - began, now
                        write_checkpoint(folder.checkpoint, model, optimiser, state)
                        saved = now
                        if interrupted.is_set():
                            folder.log("interrupted", epoch=state.epoch, step=state.step)
                            raise KeyboardInterrupt

                # The epoch's numbers: running averages over training images, a full pass over test images.
                _refuse_bad_loss(first_bad, state, batches, folder)
                _refuse_bad_weights(model, state, folder)
                seconds = state.seconds + time.monotonic() - began
                running = _totals(state.sums, len(images))
                test = full_pass(model, test_split, experiment.binarisation, bf16=bf16)
                beta, speed = experiment.objective.beta(progress), len(images) / seconds
                rows.append(_row(state.epoch, beta, learning_rate, running, test, seconds, speed))
                display.epoch(state.epoch, running, test, beta, speed)

                # Saved in this order, a kill between two writes costs nothing: the epoch is done again, alike.
                folder.write_rows(rows)
                folder.log("epoch", **rows[-1])
                if test.total < state.best:
                    state.best = test.total
                    save(model, folder.best)
                save(model, folder.last)
                state.epoch, state.step, state.seconds = state.epoch + 1, 0, 0.0
                state.sums.zero_()
                write_checkpoint(folder.checkpoint, model, optimiser, state)
        folder.log("finished", epochs=settings.epochs)
    return open_run(folder.path)


def _record(experiment: Experiment, data: ImageData, model: VAEModel) -> Record:
    """What the run folder says of itself."""
    probe = experiment.binarisation.pixels(torch.from_numpy(experiment.binarisation.prepare(data.images[:1000])))
    binary = bool(((probe == 0) | (probe == 1)).all())
    return Record(experiment, data.format, model.likelihood.score_name(binary))


def _order(seed: int, epoch: int, images: int) -> Tensor:
    """The order of an epoch's images: a function of seed and epoch alone."""
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(images))


def _optimiser(settings: Adam, model: VAEModel) -> torch.optim.AdamW:
    """AdamW, which without weight decay is Adam; one fused kernel for all weights."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        weight_decay=settings.weight_decay,
        fused=True,
    )


def _compile_networks(model: VAEModel, device: torch.device) -> None:
    """Compile the encoder and the decoder in place, under the names by which their weights are saved."""
    mode = "reduce-overhead" if device.type == "cuda" else "default"
    network = model.network
    network.encode = torch.compile(network.encode, mode=mode)  # type: ignore[method-assign]
    network.decode = torch.compile(network.decode, mode=mode)  # type: ignore[method-assign]


def _totals(sums: Tensor, images: int) -> Totals:
    reconstruction, kl = (sums / images).tolist()
    return Totals(reconstruction, kl)


def _row(
    epoch: int, beta: float, learning_rate: float, running: Totals, test: Totals, seconds: float, speed: float
) -> dict[str, float]:
    """An epoch in metrics.csv."""
    return {
        "epoch": epoch,
        "beta": beta,
        "learning_rate": learning_rate,
        "train_running_reconstruction": running.reconstruction,
        "train_running_kl": running.kl,
        "train_running_total": running.total,
        "train_running_ratio": running.ratio,
        "test_reconstruction": test.reconstruction,
        "test_kl": test.kl,
        "test_total": test.total,
        "test_ratio": test.ratio,
        "seconds": seconds,
        "images_per_second": speed,
    }


def _refuse_bad_loss(first_bad: Tensor, state: State, batches: int, folder: RunFolder) -> None:
    """Stop before weights that are no longer numbers are saved over good ones."""
    step = int(first_bad)
    if step < batches:
        _stop("loss", state.epoch, step + 1, folder)


def _refuse_bad_weights(model: VAEModel, state: State, folder: RunFolder) -> None:
    """The same for a step whose loss was finite and whose gradient was not: the loss shows it a step later."""
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        _stop("a weight", state.epoch, state.step, folder)


def _stop(what: str, epoch: int, step: int, folder: RunFolder) -> NoReturn:
    folder.log("stopped", reason=f"{what} is not finite", epoch=epoch, step=step)
    kept = f"{folder.checkpoint} is kept" if folder.checkpoint.exists() else "nothing was saved before it"
    raise UserError(
        f"{what} is not finite at epoch {epoch}, step {step}; {kept}; lower --learning-rate or use --precision fp32"
    )


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Leave the caller's random numbers as they were."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        yield


@contextmanager
def _interruptions() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that the loop can save before it stops; a second one stops at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def note(number: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["train"]
