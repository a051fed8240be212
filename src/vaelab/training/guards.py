"""Checks that stop a training run: non-finite numbers and interruptions."""

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
    """Stop at a non-finite loss, before non-finite weights are saved over good ones.

    Raises:
        UserError: the loss of a step of this epoch was not finite.
    """
    step = int(first_bad)
    if step < batches:
        stop("loss", state.epoch, step + 1, folder)


def refuse_bad_weights(model: Model, state: State, folder: RunFolder) -> None:
    """Stop at a non-finite weight: after a finite loss with an infinite gradient, only the next loss is not finite.

    Raises:
        UserError: a weight is not finite.
    """
    tensors = [*model.parameters(), *(buffer for buffer in model.buffers() if buffer.is_floating_point())]
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        stop("a weight", state.epoch, state.step, folder)


def refuse_empty_epoch(state: State, folder: RunFolder, limit: float) -> None:
    """Stop if every step of an epoch was skipped because of its gradient.

    Raises:
        UserError: no step was taken.
    """
    if state.images == 0:
        folder.log("stopped", reason="every step was skipped", epoch=state.epoch)
        raise UserError(
            f"every step of epoch {state.epoch} was skipped: no gradient was finite with a norm below {limit:g}",
            python="raise gradient_skip",
            flags="raise --gradient-skip",
        )


def stop(name: str, epoch: int, step: int, folder: RunFolder) -> NoReturn:
    """Log a number that is not finite, and stop.

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


def stop_if(interrupted: bool, state: State, folder: RunFolder) -> None:
    """Stop after an interruption; call it only where the state has just been saved.

    Raises:
        KeyboardInterrupt: the run was interrupted.
    """
    if interrupted:
        folder.log("interrupted", epoch=state.epoch, step=state.step)
        raise KeyboardInterrupt


@contextmanager
def interruptions() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set, so that the loop can save and stop; a second signal stops at once."""
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
