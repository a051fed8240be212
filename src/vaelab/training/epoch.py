"""One epoch: its steps, its metrics and its files."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
import torch
from torch import Tensor

from vaelab.contract import Posterior
from vaelab.data import augmented
from vaelab.precision import autocast
from vaelab.processes import first
from vaelab.schedules import Progress
from vaelab.training.checkpoint import write_checkpoint
from vaelab.training.display import Display
from vaelab.training.folder import QUANTITIES, rows_digest
from vaelab.training.full_pass import Totals, batch_sums, bits_per_dimension, mean_over, measure
from vaelab.training.group import any_process
from vaelab.training.guards import refuse_bad_loss, refuse_bad_weights, refuse_empty_epoch, stop, stop_if
from vaelab.training.optimiser import clip_gradient, learning_rate, set_learning_rates, take_optimiser_step
from vaelab.training.prepare import Job, save_model
from vaelab.training.prior import training_mode

_LIVE_SECONDS = 0.5


def run_steps(job: Job, display: Display, interrupted: threading.Event) -> float:
    """Run the remaining steps of an epoch; return its total time in seconds.

    Raises:
        UserError: a loss or a weight is not finite, or every step was skipped.
        KeyboardInterrupt: an interruption, after a checkpoint was written.
    """
    state, settings, batches = job.state, job.settings, job.batches
    # Every pass over a split leaves evaluation mode by the mode of the whole model, which is not that of its prior.
    training_mode(job.model, settings.fit)
    order = job.train_rows[image_order(settings.seed, state.epoch, job.n_images).to(job.train_rows.device)]
    # The first step of this epoch whose loss was not finite; read rarely, since that synchronises an accelerator.
    first_bad = torch.full((), batches, device=job.device)
    began = saved = shown = time.monotonic()
    for step in range(state.step, batches):
        progress = job.progress(step)
        rows = order[step * job.batch_size : (step + 1) * job.batch_size]
        first_bad = take_step(job, progress, rows, first_bad)
        display.step(state.epoch, state.step)

        now = time.monotonic()
        if job.device.type == "cpu" and now - shown > _LIVE_SECONDS:
            refuse_bad_loss(first_bad, state, batches, job.folder)
            speed = min(state.step * job.batch_size, job.n_images) / (state.seconds + now - began)
            beta = job.experiment.objective.beta(progress)
            display.live(state.epoch, mean_over(state.sums, state.images), beta, speed)
            shown = now
        stopping = any_process(interrupted.is_set())
        if stopping or now - saved > settings.checkpoint_seconds:
            refuse_bad_loss(first_bad, state, batches, job.folder)
            refuse_bad_weights(job.model, state, job.folder)
            state.seconds, began = state.seconds + now - began, now
            save_state(job)
            saved = now
        stop_if(stopping, state, job.folder)
    refuse_bad_loss(first_bad, state, batches, job.folder)
    refuse_bad_weights(job.model, state, job.folder)
    refuse_empty_epoch(state, job.folder, settings.optimiser.gradient_skip)
    return state.seconds + time.monotonic() - began


def take_step(job: Job, progress: Progress, rows: Tensor, first_bad: Tensor) -> Tensor:
    """Take one optimiser step; return the first step of the epoch with a non-finite loss, as a tensor on the device."""
    state, settings = job.state, job.settings
    set_learning_rates(job.optimiser, settings.optimiser.schedule(progress))
    x, y = job.train_split.batch(rows)
    x = augmented(settings.augmentation, x)
    if settings.drop_labels and y is not None and not y.is_floating_point():
        y = torch.where(torch.rand(y.shape, device=job.device) < settings.drop_labels, -1, y)

    # Nothing inside a model counts steps.
    for part in job.model.modules():
        if isinstance(part, Posterior):
            part.follow(progress)
    with autocast(job.device, job.bf16):
        trace = job.forward(x, y)
    loss = job.objective(trace, progress)
    if job.trained:
        loss.backward()
    taken = clip_gradient(job.trained, loss, settings.optimiser)
    if taken:
        take_optimiser_step(job.optimiser, settings.optimiser)
        state.sums += batch_sums(trace)
        state.images += len(x)
        if job.average is not None:
            job.average.update_parameters(job.model)
    job.optimiser.zero_grad()
    job.watcher.step(job, progress, loss, trace)

    state.step, state.skipped = progress.step + 1, state.skipped + (not taken)
    return torch.where(loss.isfinite(), first_bad, first_bad.clamp(max=progress.step)) if taken else first_bad


def finish_epoch(job: Job, display: Display, seconds: float) -> None:
    """Measure the epoch, save the model and advance to the next epoch.

    Raises:
        UserError: the test total is not finite, or a file cannot be written.
    """
    state, settings, folder = job.state, job.settings, job.folder
    last = Progress(state.epoch, job.batches - 1, job.batches, settings.epochs)
    beta, speed = job.experiment.objective.beta(last), job.n_images / seconds
    # Running averages for the training images, a full pass for the images of other splits.
    running = mean_over(state.sums, state.images)
    splits = {"validation": job.validation_split, "test": job.test_split}
    measured = {name: measure(job.tested, split, bf16=job.bf16) for name, split in splits.items() if split is not None}
    for name, totals in measured.items():
        if not math.isfinite(totals.total):
            stop(f"the {name} total", state.epoch, job.batches, folder)
    test, validation = measured["test"], measured.get("validation")
    rate = learning_rate(job.optimiser, settings.optimiser.schedule(last))
    row = metrics_row(state.epoch, beta, rate, running, test, seconds, speed)
    if validation is not None:
        row |= named("validation", validation)
    if not job.experiment.model.no_bound and job.model.likelihood.discrete(
        job.experiment.binarisation.binary(job.data)
    ):
        row["test_bits_per_dimension"] = bits_per_dimension(test.total, job.data.format)
    if settings.optimiser.gradient_skip:
        row["skipped_steps"] = state.skipped
    job.rows.append(row)
    display.epoch(state.epoch, running, test, beta, speed)

    # With the checkpoint last, a kill between two writes loses nothing: the epoch is repeated with the same result.
    folder.write_rows(job.rows)
    folder.log("epoch", **row)
    # Chosen by images that are neither trained on nor reported.
    if validation is not None and validation.total < state.best:
        state.best = validation.total
        save_model(job, folder.best)
    save_model(job, folder.last)
    if settings.snapshot_every and state.epoch % settings.snapshot_every == 0:
        save_model(job, folder.snapshot(state.epoch))
    state.epoch, state.step, state.seconds = state.epoch + 1, 0, 0.0
    state.images, state.skipped = 0, 0
    state.sums.zero_()
    state.history = rows_digest(job.rows)
    save_state(job)


def save_state(job: Job) -> None:
    """Write a checkpoint; the watcher comes first, so that it misses nothing that a resumed run does not repeat.

    Raises:
        UserError: the file cannot be written.
    """
    if first():
        job.watcher.checkpoint(job)
        write_checkpoint(job.folder.checkpoint, job.parts, job.optimiser, job.state)


def image_order(seed: int, epoch: int, n_images: int) -> Tensor:
    """The order of the images in an epoch, a function of seed and epoch only."""
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(n_images))


def metrics_row(
    epoch: int, beta: float, learning_rate: float, running: Totals, test: Totals, seconds: float, speed: float
) -> dict[str, float]:
    """The row of an epoch in metrics.csv."""
    codes = test.code_use
    use = {} if codes is None else {"test_code_perplexity": codes.perplexity, "test_dead_codes": codes.dead}
    about = {"epoch": epoch, "beta": beta, "learning_rate": learning_rate}
    times = {"seconds": seconds, "images_per_second": speed}
    return about | named("train_running", running) | named("test", test) | times | use


def named(split: str, totals: Totals) -> dict[str, float]:
    """The columns of a split."""
    return {f"{split}_{quantity}": getattr(totals, quantity) for quantity in QUANTITIES}
