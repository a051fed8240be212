"""The base class of objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from vaelab.data import DataFormat, ImageFormat
from vaelab.errors import UserError
from vaelab.schedules import Progress, ScheduleSpec
from vaelab.spec import Spec
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace


class Loss(Protocol):
    """A loss to minimise, as a function of a trace and the progress of training."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""


class ObjectiveSpec(Spec, room=True):
    """Base of the objective specs.

    A subclass defines `__call__`, or `build` if the loss has state or weights. Where an objective is expected, a
    callable `(trace, progress) -> loss` is wrapped as a `FunctionObjective`.
    """

    samples: int = 1
    """Draws of z per image."""
    needs: ClassVar[frozenset[Trait]] = frozenset()
    """The traits that the model must have."""
    score_function: ClassVar[bool] = False
    """Its gradient takes no path through the draws, so the posterior need not be reparameterised."""
    of_images: ClassVar[bool] = False
    """It compares images with each other, so the rows of a table are refused."""

    accepts: ClassVar[str] = "a callable"

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """Wrap a callable as a `FunctionObjective`; return other values unchanged."""
        from vaelab.objectives.function import FunctionObjective

        return FunctionObjective.of(value) if callable(value) and not isinstance(value, Spec | type) else value

    def beta(self, progress: Progress) -> float:
        """The current weight of the KL, for display; 1 unless the objective has one."""
        return 1.0

    @property
    def schedules(self) -> tuple[ScheduleSpec, ...]:
        """The fields that are schedules."""
        return tuple(value for value in vars(self).values() if isinstance(value, ScheduleSpec))

    def build(self, latent: int) -> Loss:
        """Build the loss for `latent` dimensions of z: the spec itself, or a module with state or weights."""
        return self

    def build_for(self, latent: int, format: DataFormat) -> Loss:
        """Build the loss for images or rows of a table; by default from the dimensions of z alone."""
        return self.build(latent)

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats.

        Raises:
            TypeError: the loss has state or weights; it is the module that `build` returns.
        """
        raise TypeError(f"{type(self).__name__} has state or weights; call the module that build(latent) returns")

    def requirements(self) -> frozenset[Trait]:
        """The traits that the model must have with these settings: `needs`, and what they imply.

        Draws must carry gradients or, for a score function, be exact; importance weights take the prior's density too.
        """
        of_draws = Trait.exact_draws if self.score_function else Trait.reparameterised_posterior
        return self.needs | {of_draws} | ({Trait.weighable_prior} if Trait.density in self.needs else set())

    def check(self, traits: frozenset[Trait], model: str, format: DataFormat) -> None:
        """Check that a model has the required traits, and that the data are images if it compares images.

        Raises:
            UserError: the model lacks a required trait, or the data are rows of a table.
        """
        if self.of_images and not isinstance(format, ImageFormat):
            raise UserError(
                f"objective is {type(self).__name__}, which compares images, but the data are rows of a table; "
                "choose another, such as Elbo"
            )
        lacking = sorted(self.requirements() - traits)
        if lacking:
            raise UserError(
                f"objective is {type(self).__name__}, which needs {' and '.join(lacking)}, but the model is {model}; "
                "choose other parts"
            )


def image_format(format: DataFormat, objective: ObjectiveSpec) -> ImageFormat:
    """The format as one of images.

    Raises:
        UserError: it is that of a table.
    """
    if not isinstance(format, ImageFormat):
        raise UserError(f"objective is {type(objective).__name__}, which takes images; choose another, such as Elbo")
    return format
