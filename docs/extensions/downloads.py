"""Each notebook as a file for Jupyter, beside its page, which links it. jupytext converts its Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _link)
    app.connect("build-finished", _convert)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _link(app: Sphinx, name: str, source: list[str]) -> None:
    folder, _, stem = name.rpartition("/")
    if folder == "notebooks" and stem != "index":
        source[0] += f'\n<a href="{stem}.ipynb" download>This notebook as a file for Jupyter</a>\n'


def _convert(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        for source in sorted((Path(app.srcdir) / "notebooks").glob("*.md")):
            if source.stem != "index":
                jupytext.write(jupytext.read(source), Path(app.outdir) / "notebooks" / f"{source.stem}.ipynb")
