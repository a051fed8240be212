"""`vaelab sweep`: a search over settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.command import Command, DataDir, Quiet, printer


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
    data_dir: DataDir = None
    quiet: Quiet = False

    def run(self) -> None:
        """Work on the sweep, and print its trials."""
        from vaelab.cli.study import print_table
        from vaelab.sweeps.reading import read_sweep
        from vaelab.sweeps.sweep import sweep

        results = sweep(
            read_sweep(self.path),
            self.out,
            trials=self.trials,
            storage=self.storage,
            name=self.study or self.path.stem,
            data_directory=self.data_dir,
            show=not self.quiet,
            say=printer(self.quiet),
        )
        print_table(results.table)
        print(f"results: {self.out / 'sweep.csv'}")
        if results.best is not None:
            print(f"best: vaelab train --config {self.out / 'best.json'} --out DIR")
