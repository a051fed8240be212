"""Samplers: what a sweep tries next."""

from __future__ import annotations

import importlib.util
import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge

from vaelab.errors import UserError
from vaelab.ranges import optuna
from vaelab.sweeps.from_optuna import OptunaSpec, Wrapped


class SamplerSpec(OptunaSpec, room=True):
    """Base of the samplers. A sampler is built for each trial, and finds the results so far in the study.

    Where a sampler is expected, a word such as "grid" names one, and any sampler of Optuna is wrapped.
    """

    accepts: ClassVar[str] = "its name, such as 'grid', or a sampler of Optuna"

    @abstractmethod
    def build(self, space: Mapping[str, Any], seed: int) -> Any:
        """A sampler of Optuna.

        Args:
            space: the distributions of Optuna, by setting.
            seed: as `seed_of` gives it.

        Raises:
            UserError: a setting that it cannot draw, or a package that is not installed.
        """

    def seed_of(self, seed: int, number: int) -> int | None:
        """The seed of a trial: other trials draw other values, and one that goes on draws as if it had never stopped.

        Args:
            seed: of the sweep.
            number: of the trial.
        """
        return (seed * 1_000_003 + number) % 2**32

    def most(self, space: Mapping[str, Any]) -> float:
        """The number of trials after which there is nothing left to try."""
        return math.inf

    def exhausted(self, study: Any) -> bool:
        """Whether the finished trials of a study leave nothing to try, for samplers that do not know how `most`."""
        return False


@dataclass(frozen=True)
class TreeParzen(SamplerSpec):
    """Tree-structured Parzen estimator (Bergstra et al. 2011, section 4)."""

    startup: Annotated[int, Ge(1)] = 10
    """Trials that are drawn at random before the others are chosen by their results."""
    kind: ClassVar[str] = "tpe"

    def build(self, space: Mapping[str, Any], seed: int) -> Any:
        """The sampler."""
        return optuna().samplers.TPESampler(n_startup_trials=self.startup, seed=seed)


@dataclass(frozen=True)
class RandomSearch(SamplerSpec):
    """Each setting at random, whatever the results (Bergstra and Bengio 2012)."""

    kind: ClassVar[str] = "random"

    def build(self, space: Mapping[str, Any], seed: int) -> Any:
        """The sampler."""
        return optuna().samplers.RandomSampler(seed=seed)


@dataclass(frozen=True)
class GridSearch(SamplerSpec):
    """Every combination once, in random order; the sweep ends after the last."""

    kind: ClassVar[str] = "grid"

    def build(self, space: Mapping[str, Any], seed: int) -> Any:
        """The sampler."""
        return optuna().samplers.GridSampler({name: _values(name, of) for name, of in space.items()}, seed=seed)

    def seed_of(self, seed: int, number: int) -> int:
        """One for all trials, which share the order."""
        return seed % 2**32

    def most(self, space: Mapping[str, Any]) -> float:
        """The number of combinations."""
        return math.prod(len(_values(name, of)) for name, of in space.items())


@dataclass(frozen=True)
class CmaEs(SamplerSpec):
    """CMA-ES (Hansen and Ostermeier 2001), for numbers; choices are drawn at random. Needs the package cmaes."""

    startup: Annotated[int, Ge(1)] = 10
    """Trials that are drawn at random first."""

    def build(self, space: Mapping[str, Any], seed: int) -> Any:
        """The sampler."""
        package = optuna()
        if importlib.util.find_spec("cmaes") is None:
            raise UserError("sampler is 'cma-es', but cmaes is not installed; pip install cmaes, or take another")
        return package.samplers.CmaEsSampler(n_startup_trials=self.startup, seed=seed, warn_independent_sampling=False)


@dataclass(frozen=True)
class OptunaSampler(Wrapped, SamplerSpec):
    """Any sampler of Optuna, for use in Python; its seed is its own."""

    noun: ClassVar[str] = "sampler"
    method: ClassVar[str] = "sample_relative"

    def seed_of(self, seed: int, number: int) -> None:
        """None: only the sampler knows its seed."""

    def exhausted(self, study: Any) -> bool:
        """What a grid of Optuna says; other samplers say nothing."""
        ask = getattr(self.wrapped, "is_exhausted", None)
        return ask is not None and bool(ask(study))


def _values(name: str, distribution: Any) -> list[Any]:
    """All values of a distribution of Optuna.

    Raises:
        UserError: they cannot be counted.
    """
    if hasattr(distribution, "choices"):
        return list(distribution.choices)
    if distribution.step is None:
        raise UserError(f"space: {name}: has too many values for the sampler 'grid'; give a choice or whole numbers")
    steps = round((distribution.high - distribution.low) / distribution.step)
    return [distribution.low + step * distribution.step for step in range(steps + 1)]
