"""A module whose rows are computed by several processes, with the values and gradients of one process.

A batch is the same in all processes. Each computes the module for a share of its rows, and all get the rows of all. So
whatever else is computed from a batch, draws, codebooks, losses that compare images with each other, is the same in all
processes too, and needs to know nothing of them.

`split` takes the own rows of a batch, and its gradient puts the rows of all together; `gather` puts rows together, and
its gradient takes the own ones. Each is the other's gradient, to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.func import functional_call

from vaelab.processes import count, rank
from vaelab.training.group import rows_of_all, sum_over_processes

# Layers whose output for a row depends on other rows, or on random numbers: every process computes a network with them.
_OF_ALL_ROWS = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


def split(x: Tensor) -> Tensor:
    """The own rows of x, of which every process has all."""
    own: Tensor = _Split.apply(x)  # type: ignore[no-untyped-call]
    return own


def gather(own: Tensor, n: int) -> Tensor:
    """All n rows, of which every process has its own."""
    rows: Tensor = _Gather.apply(own, n)  # type: ignore[no-untyped-call]
    return rows


@contextmanager
def computed_by_rows(parts: Sequence[tuple[nn.Module, str]]) -> Iterator[None]:
    """Within the context, each process computes its rows of these modules' methods, such as (network, "encode")."""
    changed: list[tuple[nn.Module, str]] = []

    def put(module: nn.Module, name: str, function: Callable[..., Any]) -> None:
        setattr(module, name, function)
        changed.append((module, name))

    try:
        for module, name in parts if dist.is_initialized() else ():
            if not any(isinstance(part, _OF_ALL_ROWS) for part in module.modules()):
                put(module, name, _Rows(module, name))
        yield
    finally:
        for module, name in changed:
            delattr(module, name)


class _Rows:
    """A method of a module, computed by each process for its rows.

    Args:
        module: the module.
        name: of the method, from tensors of n rows, or None, to one of n rows.
    """

    def __init__(self, module: nn.Module, name: str) -> None:
        self.caller = _Caller(module, getattr(module, name))
        self.module, self.n = module, 0

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        """All n rows of what the method returns."""
        self.n = next(len(x) for x in inputs if x is not None)
        own = [None if x is None else split(x) for x in inputs]
        return gather(functional_call(self.caller, self._weights(), tuple(own)), self.n)

    def _weights(self) -> dict[str, Tensor]:
        """The weights that get a gradient from the own rows alone, with those of the other processes added."""
        if not torch.is_grad_enabled():
            return {}
        learned = {f"module.{name}": weight for name, weight in self.module.named_parameters() if weight.requires_grad}
        return dict(zip(learned, _Same.apply(*learned.values()), strict=True)) if learned else {}  # type: ignore[no-untyped-call]


class _Caller(nn.Module):
    """A method of a module as a module, which is what `functional_call` takes."""

    def __init__(self, module: nn.Module, method: Callable[..., Tensor]) -> None:
        super().__init__()
        self.module, self.method = module, method

    def forward(self, *inputs: Tensor | None) -> Tensor:
        """What the method returns."""
        return self.method(*inputs)


def _share(n: int) -> int:
    """Rows per process; where they are more than n in all, those beyond the last repeat it."""
    return -(-n // count())


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.n, share = len(x), _share(len(x))
        start = rank() * share
        if start + share <= len(x):
            return x[start : start + share].clone()
        # Rows beyond the last repeat it, so that all shares are equally long and none is empty; `gather` drops them.
        return x[torch.arange(start, start + share, device=x.device).clamp(max=len(x) - 1)]

    @staticmethod
    def backward(ctx: Any, slope: Tensor | None) -> Tensor | None:
        return None if slope is None else gather(slope, ctx.n)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, n: int) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.n = n
        return rows_of_all(own.contiguous())[:n]

    @staticmethod
    def backward(ctx: Any, slope: Tensor | None) -> tuple[Tensor | None, None]:
        if slope is None:
            return None, None
        own = split(slope)
        beyond = (rank() + 1) * len(own) - ctx.n
        if beyond > 0:
            # Rows that repeat the last one count nothing.
            own = own * (torch.arange(len(own), 0, -1, device=own.device) > beyond).view(-1, *[1] * (own.ndim - 1))
        return own, None


class _Same(torch.autograd.Function):
    """Weights that all processes have; each knows the gradient of its rows, and the sum is that of all."""

    @staticmethod
    def forward(ctx: Any, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        return tuple(weight.view_as(weight) for weight in weights)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor | None) -> tuple[Tensor | None, ...]:
        known = [slope for slope in slopes if slope is not None]
        summed = iter(_Summed.apply(*known) if known else ())  # type: ignore[no-untyped-call]
        # A weight without a gradient has none in any process, and Adam leaves it alone.
        return tuple(None if slope is None else next(summed) for slope in slopes)


class _Summed(torch.autograd.Function):
    """Sums over processes, in one message."""

    @staticmethod
    def forward(ctx: Any, *parts: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        flat = sum_over_processes(torch.cat([part.reshape(-1) for part in parts]))
        return tuple(
            some.view(part.shape) for some, part in zip(flat.split([p.numel() for p in parts]), parts, strict=True)
        )

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor | None) -> tuple[Tensor | None, ...]:
        known = [slope for slope in slopes if slope is not None]
        same = iter(_Same.apply(*known) if known else ())  # type: ignore[no-untyped-call]
        return tuple(None if slope is None else next(same) for slope in slopes)
