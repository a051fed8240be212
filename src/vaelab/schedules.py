"""Schedules: values that change during training, such as beta and the learning rate.

A schedule with `spans_run` depends on the total number of epochs, so a run that uses it cannot be prolonged.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from vaelab.errors import UserError, brief
from vaelab.spec import FunctionSpec, Spec, any_of, as_python, spec_hints


@dataclass(frozen=True)
class Progress:
    """The position of a training run: `epoch` counts from 1, and `step`, of `steps` per epoch, from 0."""

    epoch: int
    step: int
    steps: int
    epochs: int
    n_images: int | None = None
    """Number of training images, for objectives that need it."""

    @property
    def elapsed(self) -> float:
        """Epochs elapsed, a real number that increases with every step."""
        return self.epoch - 1 + self.step / self.steps

    @property
    def fraction(self) -> float:
        """Share of the whole run elapsed, in [0, 1)."""
        return self.elapsed / self.epochs


class ScheduleSpec(Spec, room=True):
    """Base of the schedule specs.

    Where a schedule is expected, a number is wrapped as a `Constant` and a callable as a `FunctionSchedule`.
    """

    spans_run: ClassVar[bool] = True
    """Whether it depends on the total number of epochs, so that a run with it cannot be prolonged."""

    accepts: ClassVar[str] = "a number or a callable"

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """Wrap a number as a `Constant`, a callable as a `FunctionSchedule`; return other values unchanged."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Constant(value)
        return FunctionSchedule.of(value) if callable(value) and not isinstance(value, Spec | type) else value

    @abstractmethod
    def __call__(self, progress: Progress) -> float:
        """The value at this point of the run."""


@dataclass(frozen=True)
class Constant(ScheduleSpec):
    """Constant value."""

    value: Annotated[float, Ge(0)] = 1.0
    """The value."""
    spans_run: ClassVar[bool] = False

    def __call__(self, progress: Progress) -> float:
        """The value at this point of the run.

        >>> Constant(4.0)(Progress(epoch=1, step=0, steps=10, epochs=30))
        4.0
        """
        return self.value


@dataclass(frozen=True)
class Linear(ScheduleSpec):
    r"""Linear ramp from start to stop, then constant (Bowman et al. 2016; Sonderby et al. 2016).

    value = start + (stop - start) min(1, t / epochs). By default t is the epoch, counted from 1, so that each epoch has
    one value: the warm-up of this project's first study, beta(t) = min(1, t / 10). With `smooth`, t is the number of
    epochs elapsed and increases with every step.
    """

    epochs: Annotated[float, Gt(0)] = 10
    """Length of the ramp, in epochs."""
    start: Annotated[float, Ge(0)] = 0.0
    """Value at the start."""
    stop: Annotated[float, Ge(0)] = 1.0
    """Value after the ramp."""
    smooth: bool = False
    """Change with every step instead of every epoch."""
    spans_run: ClassVar[bool] = False

    def __call__(self, progress: Progress) -> float:
        """The value at this point of the run.

        >>> [Linear(epochs=10)(Progress(epoch, 0, 469, 30)) for epoch in (1, 5, 10, 30)]
        [0.1, 0.5, 1.0, 1.0]
        """
        time = progress.elapsed if self.smooth else progress.epoch
        return self.start + (self.stop - self.start) * min(1.0, time / self.epochs)


@dataclass(frozen=True)
class Cyclical(ScheduleSpec):
    """Cyclical annealing: repeated linear ramps from start to stop (Fu et al. 2019).

    value = start + (stop - start) min(1, tau / rise), with tau in [0, 1) the position within one of `cycles` equal
    cycles: Fu et al. (2019), "Cyclical Annealing Schedule".
    """

    cycles: Annotated[int, Ge(1)] = 4
    """Number of cycles in the run."""
    rise: Annotated[float, Gt(0), Le(1)] = 0.5
    """Share of a cycle taken by the ramp."""
    start: Annotated[float, Ge(0)] = 0.0
    """Value at the start of a cycle."""
    stop: Annotated[float, Ge(0)] = 1.0
    """Value after the ramp."""

    def __call__(self, progress: Progress) -> float:
        """The value at this point of the run.

        >>> Cyclical(cycles=2, rise=0.5)(Progress(epoch=9, step=0, steps=1, epochs=16))
        0.0
        """
        tau = (progress.fraction * self.cycles) % 1.0
        return self.start + (self.stop - self.start) * min(1.0, tau / self.rise)


@dataclass(frozen=True)
class Cosine(ScheduleSpec):
    r"""Cosine annealing from start to stop, after an optional warm-up (Loshchilov and Hutter 2017).

    value = stop + (start - stop) (1 + cos(pi s)) / 2, with s the elapsed share of the run after the warm-up:
    Loshchilov and Hutter (2017), "SGDR", equation 5, without restarts. The warm-up is linear, from 0 to start.
    """

    start: Annotated[float, Ge(0)] = 0.0
    """Value after the warm-up."""
    stop: Annotated[float, Ge(0)] = 1.0
    """Value at the end of the run."""
    warmup: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of the run taken by the warm-up."""

    def __call__(self, progress: Progress) -> float:
        """The value at this point of the run.

        >>> Cosine(start=1.0, stop=0.0)(Progress(epoch=6, step=0, steps=1, epochs=10))
        0.5
        """
        # The warm-up is one step ahead: a first step with a learning rate of zero would be wasted.
        ahead = progress.fraction + 1 / (progress.steps * progress.epochs)
        if progress.fraction < self.warmup:
            return self.start * min(1.0, ahead / self.warmup)
        share = (progress.fraction - self.warmup) / (1 - self.warmup)
        return self.stop + (self.start - self.stop) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class FunctionSchedule(FunctionSpec, ScheduleSpec):
    """Callable `(progress) -> value`, for use in Python; a file holds only its name.

    >>> FunctionSchedule.of(lambda progress: 0.5)(Progress(epoch=1, step=0, steps=10, epochs=30))
    0.5
    """

    noun: ClassVar[str] = "schedule"

    def __call__(self, progress: Progress) -> float:
        """The value at this point of the run.

        Raises:
            UserError: the schedule was read from a file, which holds only the name of the function, or the function
                fails, or does not return a finite number >= 0.
        """
        value = self.call(progress)
        number = as_python(value)
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < math.inf:
            raise UserError(f"the schedule {self.name} returned {brief(value)}, but must return a finite number >= 0")
        return float(number)


def schedules_in(spec: Spec) -> tuple[ScheduleSpec, ...]:
    """The schedules in the fields of a spec and of its parts.

    >>> from vaelab import Elbo, Training
    >>> schedules_in(Elbo()), schedules_in(Training())
    ((Constant(value=1.0),), (Constant(value=1.0),))
    """
    found: list[ScheduleSpec] = []
    for name in spec_hints(type(spec)):
        value = getattr(spec, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Spec):
                found += [part] if isinstance(part, ScheduleSpec) else schedules_in(part)
    return tuple(found)


AnySchedule = Annotated[ScheduleSpec, any_of(ScheduleSpec)]
