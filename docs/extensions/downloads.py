"""Each notebook as a file for Jupyter: its Markdown source is converted by jupytext and stands beside its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("build-finished", _convert)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _convert(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        for source in sorted((Path(app.srcdir) / "notebooks").glob("*.md")):
            if source.stem != "index":
                jupytext.write(jupytext.read(source), Path(app.outdir) / "notebooks" / f"{source.stem}.ipynb")
