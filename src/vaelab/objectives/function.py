"""An objective that is a callable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from vaelab.errors import UserError
from vaelab.objectives.objective import ObjectiveSpec
from vaelab.schedules import Progress
from vaelab.spec import qualified_name

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace


@dataclass(frozen=True)
class FunctionObjective(ObjectiveSpec):
    """A callable `(trace, progress) -> loss`, for Python; a file keeps its name alone."""

    name: str
    """`module:function`."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""
    function: Callable[..., Any] | None = field(default=None, repr=False, compare=False, metadata={"json": False})
    python_only: ClassVar[bool] = True

    @classmethod
    def of(cls, function: Callable[[Any, Progress], Any], samples: int = 1) -> FunctionObjective:
        """The objective that a callable is."""
        return cls(qualified_name(function), samples, function)

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats.

        Raises:
            UserError: the objective was read from a file, which holds no function.
        """
        if self.function is None:
            raise UserError(f"the objective {self.name} is a Python function, which no file holds; give it again")
        loss: Tensor = self.function(trace, progress)
        return loss
