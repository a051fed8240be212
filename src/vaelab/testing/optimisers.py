"""The contract of optimisers."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vaelab.errors import UserError, reason
from vaelab.optimisers import OptimiserSpec
from vaelab.optimisers.state import restore_state, state_of
from vaelab.testing.faults import require

_STEPS = 20


def check_optimiser(spec: OptimiserSpec) -> list[str]:
    """Steps that train every parameter and lower a loss, and are the same after the state was saved and restored.

    Raises:
        UserError: a fault.
    """
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(shape)) for shape in ((8, 8, 3, 3), (8, 1, 4, 4), (6, 5), (5,))]
    goals = [weight.detach() + torch.randn(weight.shape) for weight in weights]
    optimiser: Any = spec.build(weights)
    require(isinstance(optimiser, Optimizer), spec, f"builds {type(optimiser).__name__}, no torch.optim.Optimizer")
    start, before = [weight.detach().clone() for weight in weights], float(_loss(weights, goals).detach())
    for _ in range(_STEPS):
        _step(spec, optimiser, weights, goals)
    after = float(_loss(weights, goals).detach())
    for weight, first in zip(weights, start, strict=True):
        require(not weight.equal(first), spec, f"leaves a weight of shape {tuple(weight.shape)} as it is")
    require(
        after < before, spec, f"does not lower a sum of squares: {before:.4g} before, {after:.4g} after {_STEPS} steps"
    )

    others = [nn.Parameter(weight.detach().clone()) for weight in weights]
    again: Any = spec.build(others)
    tensors, numbers = state_of(optimiser)
    restore_state(again, copy.deepcopy(tensors), copy.deepcopy(numbers))
    _step(spec, optimiser, weights, goals)
    _step(spec, again, others, goals)
    same = all(one.equal(other) for one, other in zip(weights, others, strict=True))
    require(same, spec, "takes another step after its state was saved and restored; keep it in state and param_groups")
    return ["every parameter learns", "lowers a loss", "goes on after a checkpoint"]


def _loss(weights: list[nn.Parameter], goals: list[Tensor]) -> Tensor:
    """Half the squared distance to the goals."""
    return torch.stack([(w - g).square().sum() / 2 for w, g in zip(weights, goals, strict=True)]).sum()


def _step(spec: OptimiserSpec, optimiser: Optimizer, weights: list[nn.Parameter], goals: list[Tensor]) -> None:
    optimiser.zero_grad()
    _loss(weights, goals).backward()
    try:
        optimiser.step()
    except Exception as error:
        raise UserError(f"{type(spec).__name__}: step() raises {reason(error)}") from error
