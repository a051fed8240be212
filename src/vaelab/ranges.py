"""Ranges: the values that a setting takes in a sweep, drawn by Optuna."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vaelab.codec import encode
from vaelab.errors import UserError, brief
from vaelab.spec import Spec


def optuna() -> Any:
    """The package Optuna, with its own messages switched off.

    Raises:
        UserError: it is not installed.
    """
    try:
        import optuna as package
    except ImportError:
        raise UserError("a sweep needs optuna; pip install 'vaelab[sweep]'") from None
    package.logging.set_verbosity(package.logging.ERROR)
    return package


class RangeSpec(Spec, room=True):
    """Base of the ranges."""

    @abstractmethod
    def distribution(self) -> Any:
        """The distribution of Optuna that is drawn from: whole numbers, numbers, or choices that are plain values."""

    @abstractmethod
    def ends(self) -> Sequence[Any]:
        """Values that show whether the setting takes all of them: both ends, or every choice."""

    def value(self, drawn: Any) -> Any:
        """The value of the setting for what was drawn, as an experiment's JSON has it; by default what was drawn."""
        return drawn


@dataclass(frozen=True)
class Interval(RangeSpec):
    """From low to high, both included; the base of the ranges of numbers."""

    bounds: tuple[float, float]
    """The lowest and the highest."""
    log: bool = field(default=False, kw_only=True)
    """Drawn uniformly in the logarithm."""

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.bounds
        if low > high:
            raise UserError(f"the range is from {low} to {high}, but must be from low to high; swap them")
        if self.log and low <= 0:
            raise UserError(f"the range begins at {low}, but has log, so it must begin above 0")

    def ends(self) -> Sequence[Any]:
        """Both ends."""
        return self.bounds


@dataclass(frozen=True)
class IntRange(Interval):
    """Whole numbers: `{"int": [2, 32], "log": true}`."""

    bounds: tuple[int, int]
    """The lowest and the highest."""
    kind: ClassVar[str] = "int"

    def distribution(self) -> Any:
        """Uniform, or uniform in the logarithm."""
        return optuna().distributions.IntDistribution(*self.bounds, log=self.log)


@dataclass(frozen=True)
class FloatRange(Interval):
    """Numbers: `{"float": [1e-4, 1e-2], "log": true}`."""

    kind: ClassVar[str] = "float"

    def distribution(self) -> Any:
        """Uniform, or uniform in the logarithm."""
        return optuna().distributions.FloatDistribution(*self.bounds, log=self.log)


@dataclass(frozen=True)
class Choice(RangeSpec):
    """One of these values, parts among them: `{"choice": [{"kind": "mixture"}, ...]}`.

    >>> from vaelab import Mixture, StandardNormal
    >>> Choice((StandardNormal(), Mixture(components=3))).values[0]
    {'kind': 'standard-normal'}
    """

    values: tuple[Any, ...]
    """As an experiment's JSON has them; a part is taken as its JSON."""
    kind: ClassVar[str] = "choice"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "values", tuple(map(_plain, self.values)))
        texts = list(map(_text, self.values))
        if not self.values or len(set(texts)) < len(texts):
            raise UserError(f"choice is [{', '.join(texts)}], but must have at least one value, each once")

    def __hash__(self) -> int:
        return hash((*map(_text, self.values),))

    @property
    def _by_label(self) -> dict[str, Any]:
        """The values by the texts that a study holds: a word, the kind of a part that has no settings, or JSON."""
        short = {_label(value): value for value in self.values}
        return short if len(short) == len(self.values) else {_text(value): value for value in self.values}

    def distribution(self) -> Any:
        """Each with the same probability."""
        return optuna().distributions.CategoricalDistribution([*self._by_label])

    def ends(self) -> Sequence[Any]:
        """Every choice."""
        return self.values

    def value(self, drawn: Any) -> Any:
        """The choice of this text."""
        return self._by_label[drawn]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _label(value: Any) -> str:
    named = value["kind"] if isinstance(value, dict) and value.keys() == {"kind"} else value
    return named if isinstance(named, str) else _text(value)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Spec):
        return encode(value)
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        raise UserError(f"choice has {brief(value)}, which JSON cannot hold; use numbers, text or parts") from None
