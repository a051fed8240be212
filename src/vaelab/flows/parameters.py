"""Parameters of a transformation, free or computed from a context, and the bound that keeps it invertible."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Transform
from torch.nn.functional import celu
from zuko.flows import LazyTransform
from zuko.nn import MLP

# The least slope of a transformation along any direction, so that float32 can invert it.
_SLOPE = 1e-3


class Parameters(nn.Module):
    """Several vectors: weights of their own, or outputs of a network that is given the context.

    Args:
        widths: dimensions of each vector.
        context: number of features of the context; 0 for none.
        hidden: widths of the network.
    """

    def __init__(self, widths: tuple[int, ...], context: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.widths = widths
        self.network = MLP(context, sum(widths), hidden_features=hidden) if context else None
        if self.network is None:
            self.free = nn.Parameter(torch.randn(sum(widths)) / max(widths) ** 0.5)

    def forward(self, c: Tensor | None) -> tuple[Tensor, ...]:
        """The vectors, (D,) or (*B, D)."""
        together = self.free if self.network is None else self.network(c)
        vectors: tuple[Tensor, ...] = together.split(self.widths, -1)
        return vectors


class Parametrised(LazyTransform):  # type: ignore[misc]
    """A transformation whose parameters are weights or depend on the context.

    Args:
        make: the transformation with given parameters.
        widths, context, hidden: as for `Parameters`.
    """

    def __init__(
        self, make: Callable[..., Transform], widths: tuple[int, ...], context: int, hidden: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.make = make
        self.parameters_of = Parameters(widths, context, hidden)

    def forward(self, c: Tensor | None = None) -> Transform:
        """The transformation for a context, (*B, K)."""
        return self.make(*self.parameters_of(c))


def above_minus_one(x: Tensor) -> Tensor:
    """An increasing function with a continuous slope: the identity above zero, and above -0.999 below."""
    return celu(x, 1 - _SLOPE)
