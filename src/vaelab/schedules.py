"""Schedules: numbers that change while a model trains, such as beta and the learning rate.

A schedule that `spans_run` depends on the number of epochs in all, so a run with it cannot be prolonged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field

from vaelab.piece import Piece, Tag


@dataclass(frozen=True)
class Progress:
    """How far a training is: `epoch` counts from 1, `step` of `steps` within the epoch from 0."""

    epoch: int
    step: int
    steps: int
    epochs: int
    images: int | None = None
    """Training images in all, where an objective needs to know."""

    @property
    def elapsed(self) -> float:
        """Epochs gone by, a real number that rises with every step."""
        return self.epoch - 1 + self.step / self.steps

    @property
    def fraction(self) -> float:
        """Share of the whole training gone by, in [0, 1)."""
        return self.elapsed / self.epochs


@dataclass(frozen=True)
class Constant(Piece):
    """The same value throughout."""

    value: Annotated[float, Ge(0)] = 1.0
    spans_run: ClassVar[bool] = False
    kind: Tag[Literal["constant"]] = field(default="constant", repr=False, kw_only=True)

    def __call__(self, progress: Progress) -> float:
        """The value at this moment.

        >>> Constant(4.0)(Progress(epoch=1, step=0, steps=10, epochs=30))
        4.0
        """
        return self.value


@dataclass(frozen=True)
class Linear(Piece):
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
    kind: Tag[Literal["linear"]] = field(default="linear", repr=False, kw_only=True)

    def __call__(self, progress: Progress) -> float:
        """The value at this moment.

        >>> [Linear(epochs=10)(Progress(epoch, 0, 469, 30)) for epoch in (1, 5, 10, 30)]
        [0.1, 0.5, 1.0, 1.0]
        """
        time = progress.elapsed if self.smooth else progress.epoch
        return self.start + (self.stop - self.start) * min(1.0, time / self.epochs)


@dataclass(frozen=True)
class Cyclical(Piece):
    """Repeated rises: within each of `cycles` equal parts, linear from start to stop, then flat.

    Fu et al. (2019), "Cyclical Annealing Schedule", equations 6 and 7: with tau the position within
    the cycle, value = start + (stop - start) min(1, tau / rise).
    """

    cycles: Annotated[int, Ge(1)] = 4
    rise: Annotated[float, Gt(0), Le(1)] = 0.5
    """Share of a cycle that rises."""
    start: Annotated[float, Ge(0)] = 0.0
    stop: Annotated[float, Ge(0)] = 1.0
    spans_run: ClassVar[bool] = True
    kind: Tag[Literal["cyclical"]] = field(default="cyclical", repr=False, kw_only=True)

    def __call__(self, progress: Progress) -> float:
        """The value at this moment.

        >>> Cyclical(cycles=2, rise=0.5)(Progress(epoch=9, step=0, steps=1, epochs=16))
        0.0
        """
        tau = (progress.fraction * self.cycles) % 1.0
        return self.start + (self.stop - self.start) * min(1.0, tau / self.rise)


@dataclass(frozen=True)
class Cosine(Piece):
    r"""A linear warm-up from 0 to `start`, then half a cosine from `start` to `stop` over the whole run.

    value = stop + (start - stop) (1 + cos(pi s)) / 2 with s the share of the run after the warm-up:
    Loshchilov and Hutter (2017), "SGDR", equation 5, without restarts.
    """

    start: Annotated[float, Ge(0)] = 0.0
    stop: Annotated[float, Ge(0)] = 1.0
    warmup: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of the run that rises linearly from 0 to `start`."""
    spans_run: ClassVar[bool] = True
    kind: Tag[Literal["cosine"]] = field(default="cosine", repr=False, kw_only=True)

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


Schedule = Annotated[Constant | Linear | Cyclical | Cosine, Field(discriminator="kind")]
