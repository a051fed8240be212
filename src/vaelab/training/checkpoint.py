"""The whole state of a training as one file, so that a run that was killed goes on bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vaelab.errors import UserError
from vaelab.models.files import read_tensors, write_tensors
from vaelab.training.device import random_state, set_random_state


@dataclass
class State:
    """Where a training stands, besides the weights.

    The data order is a function of the seed and the epoch, and schedules are functions of the progress, so
    `epoch` and `step` say where both are.
    """

    sums: Tensor
    """Reconstruction and KL summed over the epoch's images so far, (2,)."""
    epoch: int = 1
    step: int = 0
    seconds: float = 0.0
    """Spent on this epoch's steps."""
    best: float = float("inf")
    """Lowest total on the test split, nats."""


def write_checkpoint(path: Path, model: nn.Module, optimiser: Optimizer, state: State) -> None:
    """Write weights, optimiser, random numbers and position.

    Raises:
        UserError: the file cannot be written; the previous checkpoint is intact.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    on_device = random_state(state.sums.device)
    if on_device is not None:
        tensors["random.device"] = on_device
    tensors["sums"] = state.sums
    about = {"epoch": state.epoch, "step": state.step, "seconds": state.seconds}
    # JSON has no infinity: before the first epoch ends there is no best total.
    write_tensors(path, tensors, about | ({"best": state.best} if state.best < float("inf") else {}))


def read_checkpoint(path: Path, model: nn.Module, optimiser: Optimizer, state: State) -> None:
    """Bring model, optimiser, random numbers and `state` to where `write_checkpoint` found them.

    Raises:
        UserError: the file is damaged or was written by a newer version.
    """
    tensors, about = read_tensors(path)
    if "epoch" not in about:
        raise UserError(f"{path} is no checkpoint; it holds a model alone")
    model.load_state_dict({name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")})

    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".")
            parameter = parameters[int(index)]
            # A fused step walks a weight and its moments as flat memory, so they must share one layout.
            alike = torch.empty_like(parameter, dtype=tensor.dtype) if tensor.shape == parameter.shape else None
            moments.setdefault(int(index), {})[name] = tensor if alike is None else alike.copy_(tensor)
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})

    torch.set_rng_state(tensors["random.cpu"])
    if "random.device" in tensors:
        set_random_state(state.sums.device, tensors["random.device"])
    state.sums.copy_(tensors["sums"])
    state.epoch, state.step, state.seconds = about["epoch"], about["step"], about["seconds"]
    state.best = about.get("best", float("inf"))
