"""The settings that every study takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaelab.data import ImageData, InMemory, SourceSpec, as_data
from vaelab.errors import UserError
from vaelab.metrics.checks import at_least
from vaelab.trackers import Log


def _silent(line: str) -> None:
    """Print nothing."""


@dataclass(frozen=True)
class StudySettings:
    """The folder of a study, its images, and the settings that all of its runs share.

    Args:
        out: the folder of the study, which holds one folder per run.
        data: the images, from `vaelab.open_data` or `vaelab.as_data`; without splits, a fifth is held out.
        epochs: epochs per run, instead of the numbers that the study plans.
        seeds: the number of seeds with which each planned run is trained; None for the study's own number.
        first_seed: the first of these seeds, which are consecutive.
        device: where to train and measure: auto, cpu, cuda, ...
        command: the command line, for the record.
        notice: a warning about the data, repeated with every result.
        show: show the progress of training on standard error.
        log: trackers of the runs, as for `vaelab.train`.
        log_every: also log every n-th step; 0 for epochs alone.
        say: called with a line of text before each measurement.

    Raises:
        UserError: data that is not `ImageData`, seeds < 1, or first_seed < 0.
    """

    out: Path
    data: ImageData
    epochs: int | None = None
    seeds: int | None = None
    first_seed: int = 0
    device: str = "auto"
    command: str = ""
    notice: str | None = None
    show: bool = False
    log: Log = ()
    log_every: int = 0
    say: Callable[[str], None] = field(default=_silent)

    def __post_init__(self) -> None:
        object.__setattr__(self, "out", Path(self.out))
        data: Any = self.data
        if not isinstance(data, ImageData):
            raise UserError(
                f"data is of type {type(data).__name__}, but must be ImageData; use vaelab.open_data(name) or "
                "vaelab.as_data(x, y)"
            )
        object.__setattr__(self, "data", as_data(data))
        if self.seeds is not None:
            at_least("seeds", self.seeds, 1)
        at_least("first_seed", self.first_seed, 0)

    @property
    def seed_numbers(self) -> range:
        """The seeds, from the first on."""
        return range(self.first_seed, self.first_seed + (self.seeds or 1))

    @property
    def source(self) -> SourceSpec:
        """The source that the images come from, for the record."""
        source = self.data.source
        return source if isinstance(source, SourceSpec) else InMemory(self.data.name)
