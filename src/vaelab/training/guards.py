"""Reasons to stop a training: numbers that are not finite, and interruptions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from torch import Tensor

from vaelab.errors import UserError
from vaelab.models.model import Model
from vaelab.training.checkpoint import State
from vaelab.training.folder import RunFolder


def refuse_bad_loss(first_bad: Tensor, state: State, batches: int, folder: RunFolder) -> None:
    """Stop before weights that are no longer numbers are saved over good ones.

    Raises:
        UserError: the loss of a step of this epoch was not finite.
    """
    step = int(first_bad)
    if step < batches:
        stop("loss", state.epoch, step + 1, folder)


def refuse_bad_weights(model: Model, state: State, folder: RunFolder) -> None:
    """The same for a step with a finite loss and an infinite gradient: the loss shows it only one step later.

    Raises:
        UserError: a weight is not finite.
    """
    tensors = [*model.parameters(), *(buffer for buffer in model.buffers() if buffer.is_floating_point())]
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        stop("a weight", state.epoch, state.step, folder)


def refuse_empty_epoch(state: State, folder: RunFolder, limit: float) -> None:
    """Stop if every step of an epoch was left out for its gradient.

    Raises:
        UserError: no step was taken.
    """
    if state.images == 0:
        folder.log("stopped", reason="every step was left out", epoch=state.epoch)
        raise UserError(
            f"every step of epoch {state.epoch} was left out: no gradient was finite with a norm below {limit:g}",
            python="raise gradient_skip",
            flags="raise --gradient-skip",
        )


def stop(name: str, epoch: int, step: int, folder: RunFolder) -> NoReturn:
    """Log and refuse a number that is not finite.

    Raises:
        UserError: always.
    """
    folder.log("stopped", reason=f"{name} is not finite", epoch=epoch, step=step)
    kept = f"{folder.checkpoint} is kept" if folder.checkpoint.exists() else "nothing was saved before it"
    raise UserError(
        f"{name} is not finite at epoch {epoch}, step {step}; {kept}",
        python="lower learning_rate or use precision='fp32'",
        flags="lower --learning-rate or use --precision fp32",
    )


def stop_if(interrupted: threading.Event, state: State, folder: RunFolder) -> None:
    """Stop after an interruption, at a point where everything has just been saved.

    Raises:
        KeyboardInterrupt: the run was interrupted.
    """
    if interrupted.is_set():
        folder.log("interrupted", epoch=state.epoch, step=state.step)
        raise KeyboardInterrupt


@contextmanager
def interruptions() -> Iterator[threading.Event]:
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
