"""`vaelab report`: runs and studies as one page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import tyro

from vaelab.cli.dispatch import parse


def main(prog: str, words: list[str]) -> None:
    """Write one self-contained HTML page about runs and studies."""
    command = shlex.join([*prog.split(), *words])

    def report(
        folders: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR")],
        /,
        out: Annotated[Path, tyro.conf.arg(metavar="FILE.html")] = Path("report.html"),
        data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
    ) -> None:
        """Write one page about runs and studies: what was run, tables, figures, claims, and how to rerun it.

        Args:
            folders: folders of runs, or of whole studies; several stand side by side.
            out: the page.
            data_dir: folder of data sets; otherwise VAELAB_DATA, otherwise a cache folder.
        """
        from vaelab.report.collect import write_run_report

        write_run_report(folders, out, data_dir, command)
        print(out)

    parse(report, prog, words)
