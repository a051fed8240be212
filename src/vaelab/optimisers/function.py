"""Optimisers given as Python callables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from vaelab.errors import UserError, reason
from vaelab.optimisers.optimiser import OptimiserSpec
from vaelab.spec import qualified_name

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True)
class FunctionOptimiser(OptimiserSpec):
    """Callable `(parameters) -> torch.optim.Optimizer`, for use in Python; a file holds only its name."""

    name: str
    """`module:function`."""
    function: Callable[..., Any] | None = field(default=None, repr=False, compare=False, metadata={"json": False})
    python_only: ClassVar[bool] = True

    @classmethod
    def of(cls, function: Callable[[Sequence[nn.Parameter]], Optimizer]) -> FunctionOptimiser:
        """Wrap a callable as an optimiser.

        >>> import functools, torch
        >>> FunctionOptimiser.of(functools.partial(torch.optim.SGD, lr=0.1)).name
        'torch.optim.sgd:SGD(lr=0.1)'
        """
        return cls(qualified_name(function), function)

    def build(self, parameters: Sequence[nn.Parameter]) -> Optimizer:
        """The optimiser that the callable returns.

        Raises:
            UserError: the callable fails, or the spec was read from a file, which holds only its name.
        """
        if self.function is None:
            raise UserError(f"the optimiser {self.name} is a Python function, which files cannot hold; pass it again")
        try:
            built: Optimizer = self.function(list(parameters))
        except Exception as error:
            raise UserError(f"the optimiser {self.name} raises {reason(error)}") from error
        return built
