"""Optimisers given as Python callables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vaelab.optimisers.optimiser import OptimiserSpec
from vaelab.spec import FunctionSpec

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True)
class FunctionOptimiser(FunctionSpec, OptimiserSpec):
    """Callable `(parameters) -> torch.optim.Optimizer`, for use in Python; a file holds only its name.

    >>> import functools, torch
    >>> FunctionOptimiser.of(functools.partial(torch.optim.SGD, lr=0.1)).name
    'torch.optim.sgd:SGD(lr=0.1)'
    """

    noun: ClassVar[str] = "optimiser"

    def build(self, parameters: Sequence[nn.Parameter]) -> Optimizer:
        """The optimiser that the callable returns.

        Raises:
            UserError: the callable fails, or the spec was read from a file, which holds only its name.
        """
        built: Optimizer = self.call(list(parameters))
        return built
