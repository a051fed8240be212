"""Muon for convolutions between hidden layers, AdamW for all other weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

_MOMENTUM, _STEPS = 0.95, 5
# Those that read or make pixels, from or to a few channels, are left to Adam.
_FEW_CHANNELS = 4


class MuonWithAdam(torch.optim.AdamW):
    """Muon (Jordan et al. 2024): steps of equal size in all directions of a weight matrix; AdamW for other weights.

    M <- 0.95 M + 0.05 G, then W <- W - rate sqrt(max(1, rows / columns)) orthogonal_factor(0.05 G + 0.95 M), with G the
    gradient: Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks", with Nesterov's momentum.
    A kernel is a matrix of shape (first channels, second channels x height x width).

    Args:
        parameters: all weights; `is_hidden` says which of them Muon trains.
        rate: Muon's learning rate as a multiple of the group's `lr`, so that it follows the same schedule.
        adam: settings of `torch.optim.AdamW`.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, **adam: Any) -> None:
        super().__init__([{"params": list(parameters)}], **adam)
        self.rate = rate

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step with both; gradients of the weights that Muon trains are used up."""
        (group,) = self.param_groups
        for weight in group["params"]:
            if weight.grad is not None and is_hidden(weight):
                self._step(weight, weight.grad, group["lr"] * self.rate, group["weight_decay"] * group["lr"])
                # AdamW leaves out weights without a gradient.
                weight.grad = None
        return super().step(closure)

    def _step(self, weight: nn.Parameter, gradient: Tensor, rate: float, decay: float) -> None:
        state = self.state[weight]
        if not state:
            # When it is loaded, AdamW looks for a number of steps.
            state["step"], state["momentum"] = torch.zeros(()), torch.zeros_like(weight)
        state["step"] += 1
        state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
        matrix = torch.lerp(gradient, state["momentum"], _MOMENTUM).flatten(1)
        stretch = math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))
        weight.mul_(1 - decay)
        weight.sub_(orthogonal_factor(matrix).view(weight.shape), alpha=rate * stretch)


def is_hidden(weight: Tensor) -> bool:
    """Whether it is the kernel of a convolution between more than four channels each."""
    return weight.ndim == 4 and min(weight.shape[:2]) > _FEW_CHANNELS


def orthogonal_factor(matrix: Float[Tensor, "R C"]) -> Float[Tensor, "R C"]:
    """U V^T of a matrix U S V^T, roughly: five steps of Newton-Schulz bring singular values to between 0.7 and 1.2.

    X <- a X + b (X X^T) X + c (X X^T)^2 X, with (a, b, c) = (3.4445, -4.7750, 2.0315): Jordan et al. (2024).
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    x: Tensor = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    for _ in range(_STEPS):
        square = x @ x.T
        x = 3.4445 * x + torch.addmm(square, square, square, beta=-4.7750, alpha=2.0315) @ x
    return x if wide else x.T
