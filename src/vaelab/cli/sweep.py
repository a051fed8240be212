"""`vaelab sweep`: a search over settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from vaelab.cli.command import Command, DataDir, LogEvery, LoggedTo, Quiet, printer


@dataclass(frozen=True, kw_only=True)
class Sweep(Command):
    """Search over settings of an experiment; several processes share the trials.

    Give the same command in several processes, on one machine or many that share OUT. A sweep that was stopped goes
    on if it is given again. Leaves OUT/sweep.csv, OUT/best.json and one run folder per trial. Needs vaelab[sweep].
    """

    path: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SPACE.json")]
    """The experiment, the range of each setting, and the quantity by which trials are compared."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder of the runs, the same for all processes."""
    trials: Annotated[int, tyro.conf.arg(metavar="INT")] = 20
    """Number of trials of the study in all."""
    storage: Annotated[str | None, tyro.conf.arg(metavar="URL")] = None
    """Path of a journal file or URL of a database, such as sqlite:///sweep.db; by default OUT/journal.log."""
    study: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Name of the study in the storage; by default that of the file."""
    measured: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Quantity by which trials are compared, such as 'evidence: log p(x)', instead of the file's."""
    direction: Literal["minimise", "maximise"] | None = None
    """Whether less or more of it is better; by default as is known of it."""
    sampler: Annotated[str | None, tyro.conf.arg(metavar="WORD")] = None
    """tpe, random, grid or cma-es, instead of the file's."""
    pruner: Annotated[str | None, tyro.conf.arg(metavar="WORD")] = None
    """median, hyperband or none, instead of the file's."""
    log: LoggedTo = ()
    log_every: LogEvery = 0
    data_dir: DataDir = None
    quiet: Quiet = False

    def run(self) -> None:
        """Work on the sweep, and print its trials."""
        from vaelab.cli.study import print_table
        from vaelab.sweeps.reading import read_sweep
        from vaelab.sweeps.sweep import sweep

        given = {name: getattr(self, name) for name in ("measured", "direction", "sampler", "pruner")}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        results = sweep(
            replace(read_sweep(self.path), **changes),
            self.out,
            trials=self.trials,
            storage=self.storage,
            name=self.study or self.path.stem,
            data_directory=self.data_dir,
            show=not self.quiet,
            say=printer(self.quiet),
            log=self.log,
            log_every=self.log_every,
        )
        print_table(results.table)
        print(f"results: {self.out / 'sweep.csv'}")
        if results.best is not None:
            print(f"best: vaelab train --config {self.out / 'best.json'} --out DIR")
