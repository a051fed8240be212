"""Pruners: which trials end early."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge

from vaelab.ranges import optuna
from vaelab.sweeps.from_optuna import OptunaSpec, Wrapped


class PrunerSpec(OptunaSpec, room=True):
    """Base of the pruners. A pruner is asked after every epoch but the last.

    Where a pruner is expected, a word such as "median" names one, and any pruner of Optuna is wrapped.
    """

    accepts: ClassVar[str] = "its name, such as 'median', or a pruner of Optuna"

    @abstractmethod
    def build(self, epochs: int) -> Any:
        """A pruner of Optuna.

        Args:
            epochs: the largest number of epochs of a trial.
        """


@dataclass(frozen=True)
class MedianPruner(PrunerSpec):
    """End a trial whose best value so far is worse than the median of the others at the same epoch."""

    startup: Annotated[int, Ge(1)] = 10
    """Trials that have to end before one is ended early."""
    kind: ClassVar[str] = "median"

    def build(self, epochs: int) -> Any:
        """The pruner."""
        return optuna().pruners.MedianPruner(self.startup)


@dataclass(frozen=True)
class Hyperband(PrunerSpec):
    """Hyperband (Li et al. 2018): successive halving, beginning after different numbers of epochs."""

    factor: Annotated[int, Ge(2)] = 3
    """One trial in so many goes on at each stage."""

    def build(self, epochs: int) -> Any:
        """The pruner."""
        return optuna().pruners.HyperbandPruner(max_resource=epochs, reduction_factor=self.factor)


@dataclass(frozen=True)
class NoPruner(PrunerSpec):
    """Train every trial to its end."""

    kind: ClassVar[str] = "none"

    def build(self, epochs: int) -> Any:
        """The pruner."""
        return optuna().pruners.NopPruner()


@dataclass(frozen=True)
class OptunaPruner(Wrapped, PrunerSpec):
    """Any pruner of Optuna, for use in Python."""

    noun: ClassVar[str] = "pruner"
    method: ClassVar[str] = "prune"
