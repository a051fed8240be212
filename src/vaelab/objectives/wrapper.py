"""The base class of objectives made of another one."""

from __future__ import annotations

from typing import Annotated

from vaelab.data import DataFormat
from vaelab.objectives.objective import ObjectiveSpec
from vaelab.schedules import Progress, ScheduleSpec
from vaelab.spec import Only, any_of
from vaelab.traits import Trait


class Wrapper(ObjectiveSpec):
    """Base of the objectives that add a term to another one, `base`, or train it in another way.

    A subclass has the field `base`, and `build_for`. Draws per image, the weight of the KL and the needed traits are
    those of the base.
    """

    base: ObjectiveSpec
    """The objective. On the command line a word such as `objective.base:iwae`, of one that wraps no other."""

    @property
    def samples(self) -> int:  # type: ignore[override]  # no field: the base has it
        """Draws of z per image."""
        return self.base.samples

    def beta(self, progress: Progress) -> float:
        """The current weight of the KL, for display."""
        return self.base.beta(progress)

    @property
    def schedules(self) -> tuple[ScheduleSpec, ...]:
        """The fields that are schedules, and those of the base."""
        return (*super().schedules, *self.base.schedules)

    def requirements(self) -> frozenset[Trait]:
        """The traits that the model must have: this objective's and the base's."""
        return super().requirements() | self.base.requirements()

    def check(self, traits: frozenset[Trait], model: str, format: DataFormat) -> None:
        """Check the model and the data for both, then for what else the base refuses.

        Raises:
            UserError: one of them does not go with the model or the data.
        """
        super().check(traits, model, format)
        self.base.check(traits, model, format)


# Words for those that wrap no other: a choice among all would offer this one again, without an end.
_PLAIN = Only(lambda spec: not issubclass(spec, Wrapper))
AnyBase = Annotated[ObjectiveSpec, any_of(ObjectiveSpec, _PLAIN), _PLAIN]
"""The field `base` of a subclass."""
