"""`vaelab report`: runs and studies as one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.command import Command, DataDir


@dataclass(frozen=True, kw_only=True)
class Report(Command):
    """Write one self-contained HTML page about runs and studies.

    The page has settings, tables, figures, claims, and the commands that repeat it all.
    """

    folders: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="DIR")]
    """Folders of runs, or of whole studies; several are compared."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.html")] = Path("report.html")
    """The page."""
    data_dir: DataDir = None

    def run(self) -> None:
        """Write the page and print its name."""
        from vaelab.report.collect import write_run_report

        write_run_report(self.folders, self.out, self.data_dir, self.line)
        print(self.out)
