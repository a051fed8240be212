"""Checkpoints: the complete state of a training run in one file, from which it resumes bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vaelab.codec import decode, encode
from vaelab.errors import UserError, reason
from vaelab.experiment import Experiment, same_settings, upgraded
from vaelab.models.files import read_tensors, restore, write_tensors
from vaelab.optimisers.state import restore_state, state_of
from vaelab.spec import classes_in
from vaelab.training.device import random_state, set_random_state

# The numbers of the state, saved in the header of a checkpoint.
_NUMBERS = ("images", "skipped", "epoch", "step", "seconds")


@dataclass
class State:
    """The state of a training run, except weights and optimiser.

    The data order is a function of the seed and the epoch, and schedules are functions of the progress, so `epoch` and
    `step` determine both.
    """

    sums: Tensor
    """Reconstruction and KL, summed over the images of the epoch so far, (2,), nats."""
    experiment: Experiment
    """The settings, which a checkpoint repeats, so that a record that was changed is noticed."""
    images: int = 0
    """Number of images in these sums."""
    skipped: int = 0
    """Number of steps of this epoch that were skipped because of their gradient."""
    epoch: int = 1
    step: int = 0
    seconds: float = 0.0
    """Time spent on the steps of this epoch."""
    best: float = float("inf")
    """Lowest total on the validation images, nats."""
    history: str = ""
    """sha256 of the rows of the finished epochs."""
    threads: int = 0
    """Number of threads; another number gives sums that differ in their last bits."""
    resumed_threads: int | None = None
    """The number of threads of the process that wrote the checkpoint; None if no checkpoint was read."""


Parts = Mapping[str, nn.Module]
"""The modules with state, by name: the model, its moving average, an objective with weights or state."""


def write_checkpoint(path: Path, parts: Parts, optimiser: Optimizer, state: State) -> None:
    """Write weights, optimiser state, RNG states and position.

    Raises:
        UserError: the file cannot be written; the previous checkpoint is intact.
    """
    tensors = {f"{part}.{name}": tensor for part, of in parts.items() for name, tensor in of.state_dict().items()}
    moments, numbers = state_of(optimiser)
    tensors |= {f"optimiser.{name}": tensor for name, tensor in moments.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    on_device = random_state(state.sums.device)
    if on_device is not None:
        tensors["random.device"] = on_device
    tensors["sums"] = state.sums
    about = {name: getattr(state, name) for name in (*_NUMBERS, "threads", "history")}
    about |= {"experiment": encode(state.experiment), "optimiser": numbers}
    # JSON has no infinity, so `best` is absent until the first epoch ends.
    write_tensors(path, tensors, about | ({"best": state.best} if state.best < float("inf") else {}))


def read_checkpoint(path: Path, parts: Parts, optimiser: Optimizer, state: State) -> None:
    """Restore weights, optimiser state, RNG states and `state` from a checkpoint.

    Raises:
        UserError: the file is damaged, is not a checkpoint, belongs to other settings, or was written by another
            version.
    """
    tensors, about = read_tensors(path)
    if "epoch" not in about:
        raise UserError(f"{path} is not a checkpoint: it holds only a model")
    if not about.keys() >= set(_NUMBERS):
        raise UserError(f"{path} is from an earlier version ({about.get('vaelab')}); start a new run")
    begun = about.get("experiment")
    if begun is not None and not same_settings(
        decode(Experiment, upgraded(begun), str(path), classes_in(state.experiment)), state.experiment
    ):
        raise UserError(
            f"{path} was written with other settings than those of experiment.json; restore its settings, or start a "
            "new run"
        )
    try:
        _restore(tensors, about, parts, optimiser, state, str(path))
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged ({reason(error)}); restore it from a copy, or start a new run") from error


def _restore(
    tensors: dict[str, Tensor],
    about: dict[str, Any],
    parts: Parts,
    optimiser: Optimizer,
    state: State,
    path: str,
) -> None:
    for part, module in parts.items():
        prefix = f"{part}."
        own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        restore(module, own, f"{path} ({part})")

    own = {name.removeprefix("optimiser."): each for name, each in tensors.items() if name.startswith("optimiser.")}
    restore_state(optimiser, own, about.get("optimiser", {}))

    torch.set_rng_state(tensors["random.cpu"])
    if "random.device" in tensors:
        set_random_state(state.sums.device, tensors["random.device"])
    state.sums.copy_(tensors["sums"])
    for name in _NUMBERS:
        setattr(state, name, about[name])
    state.best = about.get("best", float("inf"))
    state.resumed_threads, state.history = about.get("threads"), about.get("history", "")
