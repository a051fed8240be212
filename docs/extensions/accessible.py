"""Adds what screen readers, keyboards and phones need and the theme lacks; `tests/test_site.py` checks it with axe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

_BETTER = {
    # Code and tables that are wider than their box are scrolled with the keyboard.
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper ': '<div tabindex="0" class="table-wrapper ',
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="On this page">',
    # The words of the button itself say what it does.
    '<summary aria-label="Toggle hidden content">': "<summary>",
    # The corner of a table heads nothing.
    '<th class="head"><p></p></th>': "<td></td>",
    # A flag, and a number with its spread, stay on one line, in a narrow table too.
    '<span class="pre">--': '<span class="pre flag">--',
    " ± ": "&nbsp;±&nbsp;",
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("build-finished", _improve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _improve(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        for name in app.env.found_docs:
            page = Path(app.outdir) / f"{name}.html"
            text = page.read_text(encoding="utf-8")
            for found, better in _BETTER.items():
                text = text.replace(found, better)
            page.write_text(text, encoding="utf-8")
