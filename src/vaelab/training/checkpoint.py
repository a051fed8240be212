"""Checkpoints: the complete state of a training run in one file, from which it resumes bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vaelab.errors import UserError
from vaelab.models.files import read_tensors, write_tensors
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
    images: int = 0
    """Number of images in these sums."""
    skipped: int = 0
    """Number of steps of this epoch that were skipped because of their gradient."""
    epoch: int = 1
    step: int = 0
    seconds: float = 0.0
    """Time spent on the steps of this epoch."""
    best: float = float("inf")
    """Lowest total on the test split, nats."""


Parts = Mapping[str, nn.Module]
"""The modules with state, by name: the model, its moving average, an objective with weights or state."""


def write_checkpoint(path: Path, parts: Parts, optimiser: Optimizer, state: State) -> None:
    """Write weights, optimiser state, RNG states and position.

    Raises:
        UserError: the file cannot be written; the previous checkpoint is intact.
    """
    tensors = {f"{part}.{name}": tensor for part, of in parts.items() for name, tensor in of.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    on_device = random_state(state.sums.device)
    if on_device is not None:
        tensors["random.device"] = on_device
    tensors["sums"] = state.sums
    about = {name: getattr(state, name) for name in _NUMBERS}
    # JSON has no infinity, so `best` is absent until the first epoch ends.
    write_tensors(path, tensors, about | ({"best": state.best} if state.best < float("inf") else {}))


def read_checkpoint(path: Path, parts: Parts, optimiser: Optimizer, state: State) -> None:
    """Restore weights, optimiser state, RNG states and `state` from a checkpoint.

    Raises:
        UserError: the file is damaged, is not a checkpoint, or was written by another version.
    """
    tensors, about = read_tensors(path)
    if "epoch" not in about:
        raise UserError(f"{path} is not a checkpoint: it holds only a model")
    if not about.keys() >= set(_NUMBERS):
        raise UserError(f"{path} is from an earlier version ({about.get('vaelab')}); start a new run")
    for part, module in parts.items():
        prefix = f"{part}."
        own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        module.load_state_dict(own)

    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".")
            parameter = parameters[int(index)]
            # The fused kernel treats a weight and its moments as flat memory, so they must have the same layout.
            alike = torch.empty_like(parameter, dtype=tensor.dtype) if tensor.shape == parameter.shape else None
            moments.setdefault(int(index), {})[name] = tensor if alike is None else alike.copy_(tensor)
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})

    torch.set_rng_state(tensors["random.cpu"])
    if "random.device" in tensors:
        set_random_state(state.sums.device, tensors["random.device"])
    state.sums.copy_(tensors["sums"])
    for name in _NUMBERS:
        setattr(state, name, about[name])
    state.best = about.get("best", float("inf"))
