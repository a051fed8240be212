"""The base of the optimisers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from vaelab.schedules import AnySchedule, Constant
from vaelab.spec import Spec

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True, kw_only=True)
class OptimiserSpec(Spec, room=True):
    """Base of the optimisers.

    Where an optimiser is expected, a callable from parameters to a `torch.optim.Optimizer` is wrapped, such as
    `functools.partial(torch.optim.SGD, lr=0.1)`.
    """

    schedule: AnySchedule = Constant(1.0)
    """Factor on the learning rate."""
    gradient_clip: Annotated[float, Ge(0)] = 0.0
    """Largest norm of a step's gradient; a larger one is scaled down to it (Pascanu et al. 2013); 0 for any."""
    gradient_skip: Annotated[float, Ge(0)] = 0.0
    """A step whose gradient's norm is above this, or not finite, is left out (Child 2021); 0 for none."""

    accepts: ClassVar[str] = "a callable from parameters to a torch.optim.Optimizer"

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """Wrap a callable as a `FunctionOptimiser`; return other values unchanged."""
        from vaelab.optimisers.function import FunctionOptimiser

        is_spec = isinstance(value, Spec) or (isinstance(value, type) and issubclass(value, Spec))
        return FunctionOptimiser.of(value) if callable(value) and not is_spec else value

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> type[Spec]:
        """Adam, which was the only optimiser of version 0.1."""
        from vaelab.optimisers.adam import Adam

        return Adam

    @abstractmethod
    def build(self, parameters: Sequence[nn.Parameter]) -> Optimizer:
        """The optimiser of these parameters.

        Training multiplies the rate of each of its groups by the schedule before each step, and calls `step()` without
        a closure. Its state consists of tensors and plain numbers, so that a checkpoint holds it.
        """
