"""From results and figures to one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vaelab._version import __version__
from vaelab.files import write_atomically


@dataclass(frozen=True)
class FigureBlock:
    """A figure with the words below it.

    Args:
        svg: the figure as an <svg> element.
        caption: what it shows and what to look for.
    """

    svg: str
    caption: str


@dataclass(frozen=True)
class Fact:
    """A line of "what was run"."""

    name: str
    value: str


def write_report(
    path: Path,
    title: str,
    summary: str,
    notice: str | None,
    table: dict[str, Any],
    facts: Sequence[Fact],
    figures: Sequence[FigureBlock],
) -> None:
    """Write the page.

    Args:
        path: the file.
        title: the page's heading.
        summary: a paragraph below it.
        notice: what a reader must know before anything else, such as that the data are not MNIST.
        table: `columns`, a list of headings; `rows`, lists of cells; `note`, below it.
        facts: what was run.
        figures: in order.

    Raises:
        UserError: the file cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("vaelab.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html").render(
        title=title,
        summary=summary,
        notice=notice,
        table=table,
        facts=facts,
        figures=[{"svg": Markup(figure.svg), "caption": figure.caption} for figure in figures],
        version=__version__,
    )
    write_atomically(path, page)
