"""Schedules: numbers that change while a model trains, such as beta and the learning rate.

A schedule that `spans_run` depends on the number of epochs in all, so a run with it cannot be prolonged.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from vaelab.errors import UserError
from vaelab.spec import Spec, any_of, qualified_name


@dataclass(frozen=True)
class Progress:
    """The position of a training run: `epoch` counts from 1, `step` of `steps` within the epoch from 0."""

    epoch: int
    step: int
    steps: int
    epochs: int
    n_images: int | None = None
    """Number of training images, for objectives that need it."""

    @property
    def elapsed(self) -> float:
        """Epochs elapsed, a real number that rises with every step."""
        return self.epoch - 1 + self.step / self.steps

    @property
    def fraction(self) -> float:
        """Share of the whole run elapsed, in [0, 1)."""
        return self.elapsed / self.epochs


class ScheduleSpec(Spec, room=True):
    """Base of the schedules.

    Where a schedule is expected, a number stands for `Constant` and a callable for `FunctionSchedule`.
    """

    spans_run: ClassVar[bool] = True
    """It depends on the number of epochs, so a run with it cannot be prolonged."""

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """A number as a constant schedule, a callable as a function schedule."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Constant(value)
        return FunctionSchedule.of(value) if callable(value) and not isinstance(value, Spec | type) else value

    @abstractmethod
    def __call__(self, progress: Progress) -> float:
        """The value at this moment."""


@dataclass(frozen=True)
class Constant(ScheduleSpec):
    """The same value throughout."""

    value: Annotated[float, Ge(0)] = 1.0
    spans_run: ClassVar[bool] = False

    def __call__(self, progress: Progress) -> float:
        """The value at this moment.

        >>> Constant(4.0)(Progress(epoch=1, step=0, steps=10, epochs=30))
        4.0
        """
        return self.value


@dataclass(frozen=True)
class Linear(ScheduleSpec):
    r"""A straight rise: value = start + (stop - start) min(1, t / epochs).

    With the default, t is the epoch counted from 1, so that each epoch has one value: the warm-up of
    Bowman et al. (2016) and Sonderby et al. (2016) as this project's first study uses it,
    beta(t) = min(1, t / 10). With `smooth`, t is the number of epochs gone by and rises with every step.
    """

    epochs: Annotated[float, Gt(0)] = 10
    """Length of the rise, in epochs."""
    start: Annotated[float, Ge(0)] = 0.0
    stop: Annotated[float, Ge(0)] = 1.0
    smooth: bool = False
    """Rise with every step instead of every epoch."""
    spans_run: ClassVar[bool] = False

    def __call__(self, progress: Progress) -> float:
        """The value at this moment.

        >>> [Linear(epochs=10)(Progress(epoch, 0, 469, 30)) for epoch in (1, 5, 10, 30)]
        [0.1, 0.5, 1.0, 1.0]
        """
        time = progress.elapsed if self.smooth else progress.epoch
        return self.start + (self.stop - self.start) * min(1.0, time / self.epochs)


@dataclass(frozen=True)
class Cyclical(ScheduleSpec):
    """Repeated rises: within each of `cycles` equal parts, linear from start to stop, then flat.

    Fu et al. (2019), "Cyclical Annealing Schedule", equations 6 and 7: with tau the position within
    the cycle, value = start + (stop - start) min(1, tau / rise).
    """

    cycles: Annotated[int, Ge(1)] = 4
    rise: Annotated[float, Gt(0), Le(1)] = 0.5
    """Share of a cycle that rises."""
    start: Annotated[float, Ge(0)] = 0.0
    stop: Annotated[float, Ge(0)] = 1.0

    def __call__(self, progress: Progress) -> float:
        """The value at this moment.

        >>> Cyclical(cycles=2, rise=0.5)(Progress(epoch=9, step=0, steps=1, epochs=16))
        0.0
        """
        tau = (progress.fraction * self.cycles) % 1.0
        return self.start + (self.stop - self.start) * min(1.0, tau / self.rise)


@dataclass(frozen=True)
class Cosine(ScheduleSpec):
    r"""A linear warm-up from 0 to `start`, then half a cosine from `start` to `stop` over the whole run.

    value = stop + (start - stop) (1 + cos(pi s)) / 2 with s the share of the run after the warm-up:
    Loshchilov and Hutter (2017), "SGDR", equation 5, without restarts.
    """

    start: Annotated[float, Ge(0)] = 0.0
    stop: Annotated[float, Ge(0)] = 1.0
    warmup: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of the run that rises linearly from 0 to `start`."""

    def __call__(self, progress: Progress) -> float:
        """The value at this moment.

        >>> Cosine(start=1.0, stop=0.0)(Progress(epoch=6, step=0, steps=1, epochs=10))
        0.5
        """
        # The warm-up is counted one step ahead: a first step with a learning rate of zero teaches nothing.
        ahead = progress.fraction + 1 / (progress.steps * progress.epochs)
        if progress.fraction < self.warmup:
            return self.start * min(1.0, ahead / self.warmup)
        share = (progress.fraction - self.warmup) / (1 - self.warmup)
        return self.stop + (self.start - self.stop) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class FunctionSchedule(ScheduleSpec):
    """A callable of the progress of training, for Python; a file keeps its name alone."""

    name: str
    """`module:function`."""
    function: Callable[..., Any] | None = field(default=None, repr=False, compare=False, metadata={"json": False})
    python_only: ClassVar[bool] = True

    @classmethod
    def of(cls, function: Callable[[Progress], float]) -> FunctionSchedule:
        """The schedule that a callable is.

        >>> FunctionSchedule.of(lambda progress: 0.5)(Progress(epoch=1, step=0, steps=10, epochs=30))
        0.5
        """
        return cls(qualified_name(function), function)

    def __call__(self, progress: Progress) -> float:
        """The value at this moment.

        Raises:
            UserError: the schedule was read from a file, which holds no function, or does not return a number.
        """
        if self.function is None:
            raise UserError(f"the schedule {self.name} is a Python function, which no file holds; give it again")
        value = self.function(progress)
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError):
            raise UserError(
                f"the schedule {self.name} returned {type(value).__name__}, but must return a number"
            ) from None


AnySchedule = Annotated[ScheduleSpec, any_of(ScheduleSpec)]
