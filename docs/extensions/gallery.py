"""The gallery: every figure of the runs in VAELAB_RUNS, drawn when the site is built, with its caption."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from api import write_if_new
from sphinx.application import Sphinx

import vaelab as vl
from vaelab.figures import chosen
from vaelab.figures.source import FigureSource

_NONE = "\nThis copy of the site was built without a trained model; `make docs` trains two.\n"


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated"
    (folder / "gallery").mkdir(parents=True, exist_ok=True)
    runs = [vl.open_run(path) for path in os.environ.get("VAELAB_RUNS", "").split()]
    text = "# Gallery\n"
    drawn: set[str] = set()
    for run in runs:
        text += _section(run, folder / "gallery", drawn)
    write_if_new(folder / "gallery.md", text if runs else text + _NONE)


def _section(run: vl.Run, folder: Path, drawn: set[str]) -> str:
    """The figures of a run that no earlier run showed."""
    name = run.folder.name
    lines = [f"\n## {name}\n", f"{run!r}.".replace(f"Run {run.folder}: ", "") + "\n"]
    source = FigureSource.of_run(run, run.load_data())
    for entry in chosen(source):
        if entry.name in drawn:
            continue
        try:
            figure = entry.render(source)
        except vl.UserError:  # what this run cannot show although its model could
            continue
        drawn.add(figure.name)
        file = folder / f"{name}-{figure.name}.png"
        vl.save_figure(figure.figure, file)
        lines.append(f"### {figure.heading}\n\n![{figure.heading}](gallery/{file.name})\n\n{figure.caption}\n")
    return "\n".join(lines)
