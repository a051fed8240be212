"""`vaelab explore`: models as one page in which they run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.command import Command, Data, DataDir, Quiet, printer
from vaelab.data import parse_source


@dataclass(frozen=True, kw_only=True)
class Explore(Command):
    """Write one HTML page in which models run: draw, drag through the latent plane, see it decoded.

    The page opens from disk; it needs no server and no network. Several models are compared.
    """

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN")]
    """Folders of runs, or .safetensors files."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.html")] = Path("explorer.html")
    """The page."""
    snapshots: bool = False
    """Add the models of earlier epochs that a run kept (`vaelab train --snapshot-every`)."""
    data: Data = None
    data_dir: DataDir = None
    most_megabytes: float = 64.0
    """Refuse a larger page."""
    quiet: Quiet = False

    def run(self) -> None:
        """Write the page and print its name."""
        from vaelab.explorer.page import explore

        given = None if self.data is None else parse_source(self.data).load(self.data_dir)
        explorer = explore(
            *self.runs,
            data=given,
            snapshots=self.snapshots,
            data_dir=self.data_dir,
            most_bytes=int(self.most_megabytes * 1e6),
            say=printer(self.quiet),
        )
        print(explorer.write(self.out))
