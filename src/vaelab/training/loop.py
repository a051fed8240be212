"""The training loop: one story, read downward."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, cast

import numpy as np
import torch
from torch import Tensor

from vaelab.data import ImageData
from vaelab.errors import UserError
from vaelab.experiment import Adam, Experiment, Record
from vaelab.models.files import begin_with, save
from vaelab.models.model import Model
from vaelab.schedules import Progress
from vaelab.training.checkpoint import State, read_checkpoint, write_checkpoint
from vaelab.training.device import (
    autocast,
    choose_device,
    computes_in_bf16,
    describe_machine,
    fork_rng,
    keep_freed_memory,
)
from vaelab.training.display import Display
from vaelab.training.full_pass import Totals, accumulator, batch_sums, bits_per_dimension, mean_over, measure, to_device
from vaelab.training.optimiser import (
    clip_gradient,
    make_optimiser,
    moving_average,
    parts_with_weights,
    trained_parameters,
)
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
        data: images in memory, instead of loading those that the experiment names.
        data_directory: where data sets lie.
        show: show progress on standard error.
        title: the name that progress is shown under.

    Raises:
        UserError: bad settings or data, a folder that is in use or holds another run, a full disk, or a loss
            that is not finite; what was saved before is kept.
        KeyboardInterrupt: on SIGINT, after a checkpoint was written.
    """
    folder, settings = RunFolder(Path(out)), experiment.training
    device = choose_device(settings.device)
    bf16 = computes_in_bf16(device, settings.precision)
    with folder.locked(), fork_rng(device):
        data = data or experiment.data.load(data_directory)
        experiment.check(data.format)

        # The model, its weights drawn from the seed, or as the last checkpoint left it.
        torch.manual_seed(settings.seed)
        model = experiment.model.build(data.format)
        record = _record(experiment, data, model)
        folder.check_resumable(record, resume)
        if experiment.start is not None and not folder.checkpoint.exists():
            begin_with(model, experiment.start)
        model.to(device).train(settings.fit == "all")
        # What is tested and saved: the weights themselves, or their moving average.
        average = moving_average(model, settings.average) if settings.average else None
        tested = model if average is None else cast(Model, average.module)
        objective = experiment.objective.build(sum(model.widths))
        parts = parts_with_weights(model, average, objective, device)
        trained = trained_parameters(model, objective, settings.fit)
        optimiser = make_optimiser(settings.optimiser, trained)
        state = State(sums=accumulator(device))
        if folder.checkpoint.exists():
            read_checkpoint(folder.checkpoint, parts, optimiser, state)
        if state.epoch > settings.epochs:
            return open_run(folder.path)  # done before, and left as it was
        folder.write_record(record)
        rows = folder.rows(epochs=state.epoch - 1)

        # The data stay on the device as bytes; a batch becomes pixels there.
        keep_freed_memory()
        training = to_device(data.split("train"), experiment.binarisation, device)
        testing = to_device(data.split("test"), experiment.binarisation, device)
        images = len(training.images)
        batch_size = min(settings.batch_size, images)
        batches = math.ceil(images / batch_size)
        if settings.snapshot_every and not folder.checkpoint.exists():
            save(tested, folder.snapshot(0))
        if settings.compile:
            model.compile_networks("reduce-overhead" if device.type == "cuda" else "default")

        folder.log("started", epoch=state.epoch, step=state.step, machine=describe_machine(device, bf16))
        with _interruptions() as interrupted, Display(title, settings.epochs, batches, show) as display:
            if data.skipped:
                folder.log("skipped", files=list(data.skipped))
                display.say(f"left out, since they cannot be decoded: {', '.join(data.skipped)}")

            while state.epoch <= settings.epochs:
                order = _order(settings.seed, state.epoch, images).to(device)
                # The first step of this epoch whose loss was not finite; read only where waiting is cheap.
                first_bad = torch.full((), batches, device=device)
                began = saved = shown = time.monotonic()

                for step in range(state.step, batches):
                    progress = Progress(state.epoch, step, batches, settings.epochs, images)
                    optimiser.param_groups[0]["lr"] = _learning_rate(settings.optimiser, progress)
                    x, y = training.batch(order[step * batch_size : (step + 1) * batch_size])

                    if settings.drop_labels and y is not None and not y.is_floating_point():
                        y = torch.where(torch.rand(y.shape, device=device) < settings.drop_labels, -1, y)

                    with autocast(device, bf16):
                        trace = model(x, y, experiment.objective.samples)
                    loss = objective(trace, progress)
                    loss.backward()
                    taken = clip_gradient(trained, loss, settings.optimiser)
                    if taken:
                        optimiser.step()
                        state.sums += batch_sums(trace)
                        state.images += len(x)
                        if average is not None:
                            average.update_parameters(model)
                    optimiser.zero_grad()

                    state.step, state.skipped = step + 1, state.skipped + (not taken)
                    if taken:
                        first_bad = torch.where(loss.isfinite(), first_bad, first_bad.clamp(max=step))
                    display.step(state.epoch, state.step)

                    now = time.monotonic()
                    if device.type == "cpu" and now - shown > _LIVE_SECONDS:
                        _refuse_bad_loss(first_bad, state, batches, folder)
                        speed = min(state.step * batch_size, images) / (state.seconds + now - began)
                        beta = experiment.objective.beta(progress)
                        display.live(state.epoch, mean_over(state.sums, state.images), beta, speed)
                        shown = now
                    if interrupted.is_set() or now - saved > settings.checkpoint_seconds:
                        _refuse_bad_loss(first_bad, state, batches, folder)
                        _refuse_bad_weights(model, state, folder)
                        state.seconds, began = state.seconds + now - began, now
                        write_checkpoint(folder.checkpoint, parts, optimiser, state)
                        saved = now
                    _stop_if(interrupted, state, folder)

                # The epoch's numbers: running averages over training images, a full pass over test images.
                _refuse_bad_loss(first_bad, state, batches, folder)
                _refuse_bad_weights(model, state, folder)
                if state.images == 0:
                    folder.log("stopped", reason="every step was left out", epoch=state.epoch)
                    raise UserError(
                        f"every step of epoch {state.epoch} was left out: no gradient was finite with a norm below "
                        f"--gradient-skip {settings.optimiser.gradient_skip:g}; raise that"
                    )
                last = Progress(state.epoch, batches - 1, batches, settings.epochs)
                beta, learning_rate = experiment.objective.beta(last), _learning_rate(settings.optimiser, last)
                seconds = state.seconds + time.monotonic() - began
                running = mean_over(state.sums, state.images)
                test = measure(tested, testing, bf16=bf16)
                if not math.isfinite(test.total):
                    _stop("the test total", state.epoch, batches, folder)
                row = _row(state.epoch, beta, learning_rate, running, test, seconds, images / seconds)
                if model.likelihood.discrete(experiment.binarisation.binary(data)):
                    row["test_bits_per_dimension"] = bits_per_dimension(test.total, data.format)
                if settings.optimiser.gradient_skip:
                    row["skipped_steps"] = state.skipped
                rows.append(row)
                display.epoch(state.epoch, running, test, beta, images / seconds)

                # Saved in this order, a kill between two writes costs nothing: the epoch is done again, alike.
                folder.write_rows(rows)
                folder.log("epoch", **rows[-1])
                if test.total < state.best:
                    state.best = test.total
                    save(tested, folder.best)
                save(tested, folder.last)
                if settings.snapshot_every and state.epoch % settings.snapshot_every == 0:
                    save(tested, folder.snapshot(state.epoch))
                state.epoch, state.step, state.seconds = state.epoch + 1, 0, 0.0
                state.images, state.skipped = 0, 0
                state.sums.zero_()
                write_checkpoint(folder.checkpoint, parts, optimiser, state)
                _stop_if(interrupted, state, folder)
        folder.log("finished", epochs=settings.epochs)
    return open_run(folder.path)


def _record(experiment: Experiment, data: ImageData, model: Model) -> Record:
    """What the run folder says of itself."""
    score = model.likelihood.score_name(experiment.binarisation.binary(data))
    return Record(experiment, data.format, score, data.digest)


def _learning_rate(settings: Adam, progress: Progress) -> float:
    return settings.learning_rate * settings.schedule(progress)


def _order(seed: int, epoch: int, images: int) -> Tensor:
    """The order of an epoch's images: a function of seed and epoch alone."""
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(images))


def _row(
    epoch: int, beta: float, learning_rate: float, running: Totals, test: Totals, seconds: float, speed: float
) -> dict[str, float]:
    """An epoch in metrics.csv."""
    codes = test.code_use
    use = {} if codes is None else {"test_code_perplexity": codes.perplexity, "test_dead_codes": codes.dead}
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
        **use,
    }


def _refuse_bad_loss(first_bad: Tensor, state: State, batches: int, folder: RunFolder) -> None:
    """Stop before weights that are no longer numbers are saved over good ones."""
    step = int(first_bad)
    if step < batches:
        _stop("loss", state.epoch, step + 1, folder)


def _refuse_bad_weights(model: Model, state: State, folder: RunFolder) -> None:
    """The same for a step whose loss was finite and whose gradient was not: the loss shows it a step later."""
    tensors = [*model.parameters(), *(buffer for buffer in model.buffers() if buffer.is_floating_point())]
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        _stop("a weight", state.epoch, state.step, folder)


def _stop(what: str, epoch: int, step: int, folder: RunFolder) -> NoReturn:
    folder.log("stopped", reason=f"{what} is not finite", epoch=epoch, step=step)
    kept = f"{folder.checkpoint} is kept" if folder.checkpoint.exists() else "nothing was saved before it"
    raise UserError(
        f"{what} is not finite at epoch {epoch}, step {step}; {kept}; lower --learning-rate or use --precision fp32"
    )


def _stop_if(interrupted: threading.Event, state: State, folder: RunFolder) -> None:
    """Stop where everything has just been saved."""
    if interrupted.is_set():
        folder.log("interrupted", epoch=state.epoch, step=state.step)
        raise KeyboardInterrupt


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
