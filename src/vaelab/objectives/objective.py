"""What every objective offers to training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from vaelab.errors import UserError
from vaelab.schedules import Progress, ScheduleSpec
from vaelab.spec import Spec, Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace


class Loss(Protocol):
    """What is minimised: a function of a trace and the progress of training."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""


class ObjectiveSpec(Spec, room=True):
    """Base of the objectives.

    A subclass defines `__call__`, or `build` if something is learned along. Where an objective is expected, a callable
    `(trace, progress) -> loss` stands for `FunctionObjective`.
    """

    samples: int = 1
    """Draws of z per image."""
    needs: ClassVar[frozenset[Trait]] = frozenset()
    """What the model must be like."""

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """A callable as a function objective."""
        from vaelab.objectives.function import FunctionObjective

        return FunctionObjective.of(value) if callable(value) and not isinstance(value, Spec | type) else value

    def beta(self, progress: Progress) -> float:
        """The weight of the KL at this moment, to be shown; 1 where there is none."""
        return 1.0

    @property
    def schedules(self) -> tuple[ScheduleSpec, ...]:
        """The fields that change while training."""
        return tuple(value for value in vars(self).values() if isinstance(value, ScheduleSpec))

    def build(self, latent: int) -> Loss:
        """The loss over codes of `latent` dimensions: the part itself, or a module where something is learned."""
        return self

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats; of an objective that learns along, what `build` gives is called instead."""
        raise TypeError(f"{type(self).__name__} learns along; call what its build(latent) gives")

    def requirements(self) -> frozenset[Trait]:
        """What the model must be like for this objective, set as it is."""
        return self.needs

    def check(self, traits: frozenset[Trait], model: str) -> None:
        """Refuse a model that this objective can make no sense of.

        Raises:
            UserError: the model lacks something that is needed.
        """
        lacking = sorted(self.requirements() - traits)
        if lacking:
            raise UserError(
                f"objective is {type(self).__name__}, which needs {' and '.join(lacking)}, but the model is {model}; "
                "choose other parts"
            )
