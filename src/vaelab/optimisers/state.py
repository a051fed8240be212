"""The state of an optimiser, as tensors and numbers that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from vaelab.errors import UserError

Numbers = dict[str, Any]
"""JSON: the numbers of each group, in `groups`, and those that belong to a parameter, in `parameters`, by its index."""


def state_of(optimiser: Optimizer) -> tuple[dict[str, Tensor], Numbers]:
    """The tensors, by `index.name` with the index of the parameter, and the numbers of an optimiser.

    Raises:
        UserError: it keeps something else for a parameter.
    """
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for index, kept in optimiser.state_dict()["state"].items():
        for name, value in kept.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value
            elif _is_number(value):
                numbers.setdefault(str(index), {})[name] = value
            else:
                raise UserError(
                    f"the optimiser {type(optimiser).__name__} keeps {name}, a {type(value).__name__}, in its state, "
                    "which no checkpoint can hold; keep tensors and numbers"
                )
    groups = [{name: value for name, value in group.items() if _is_number(value)} for group in optimiser.param_groups]
    return tensors, {"groups": groups, "parameters": numbers}


def restore_state(optimiser: Optimizer, tensors: Mapping[str, Tensor], numbers: Numbers) -> None:
    """Give an optimiser the state of another one of the same parameters.

    Args:
        optimiser: as it is built.
        tensors: as `state_of` gives them.
        numbers: likewise; empty for a checkpoint of version 0.1, where they are those that it is built with.
    """
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Any]] = {int(index): dict(kept) for index, kept in numbers.get("parameters", {}).items()}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        parameter = parameters[int(index)]
        # A fused kernel treats a weight and its moments as flat memory, so they must have the same layout.
        alike = torch.empty_like(parameter, dtype=tensor.dtype) if tensor.shape == parameter.shape else None
        state.setdefault(int(index), {})[name] = tensor if alike is None else alike.copy_(tensor)
    groups = optimiser.state_dict()["param_groups"]
    for group, kept in zip(groups, numbers.get("groups", [{}] * len(groups)), strict=True):
        group.update(kept)
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float)
