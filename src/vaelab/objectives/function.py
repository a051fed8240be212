"""Objectives given as Python callables."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from vaelab.objectives.objective import Loss, ObjectiveSpec
from vaelab.schedules import Progress
from vaelab.spec import FunctionSpec, qualified_name

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace


@dataclass(frozen=True)
class FunctionObjective(FunctionSpec, ObjectiveSpec):
    """Callable `(trace, progress) -> loss`, for use in Python; a file holds only its name."""

    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""
    noun: ClassVar[str] = "objective"

    @classmethod
    def of(cls, function: Callable[[Any, Progress], Any], samples: int = 1) -> FunctionObjective:
        """Wrap a callable as an objective."""
        return cls(qualified_name(function), function, samples)

    def build(self, latent: int) -> Loss:
        """The callable; if it is an `nn.Module`, a copy of it, whose weights are trained with the model's."""
        from torch import nn

        return copy.deepcopy(self.function) if isinstance(self.function, nn.Module) else self

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats.

        Raises:
            UserError: the function fails, or the objective was read from a file, which holds only its name.
        """
        loss: Tensor = self.call(trace, progress)
        return loss
