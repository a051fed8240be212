"""A module whose weights are fixed."""

from __future__ import annotations

from typing import Any, Self

from torch import nn


class Frozen(nn.Module):
    """A module with fixed weights: none of them takes a gradient, and it stays in evaluation mode.

    Gradients still pass through it to its input. Running statistics, such as those of batch normalisation, stay as they
    are, and dropout is off.

    Args:
        module: the module, which is changed in place.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Change the mode of this module alone."""
        super().train(mode)
        self.module.eval()
        return self

    def forward(self, *inputs: Any) -> Any:
        """What the module returns."""
        return self.module(*inputs)
