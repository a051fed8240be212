"""From results and figures to one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from vaelab._version import __version__
from vaelab.files import write_atomically
from vaelab.report.blocks import Facts, FigureGroup, Table
from vaelab.report.claims import Claims
from vaelab.report.derivation import SOURCES, STEPS, SYMBOLS
from vaelab.report.evaluation import Measured
from vaelab.report.formulas import formula


def write_report(
    path: Path,
    title: str,
    summary: str,
    notices: Sequence[str],
    tables: Sequence[Table],
    facts: Sequence[Facts],
    groups: Sequence[FigureGroup],
    claims: Sequence[Claims] = (),
    commands: Sequence[str] = (),
    measured: Measured | None = None,
) -> None:
    """Write the page. It asks for nothing outside itself, and its own policy forbids the browser to.

    Args:
        path: the file.
        title: the page's heading.
        summary: a paragraph below it.
        notices: what a reader must know before anything else, such as that the data are not MNIST.
        tables: the results.
        facts: what was run, one set a model or study.
        groups: the figures, in order.
        claims: of studies, with their verdicts.
        commands: those that make it all again.
        measured: evaluations of runs.

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
    environment.globals["formula"] = formula
    page = environment.get_template("page.html").render(
        title=title,
        summary=summary,
        notices=notices,
        tables=tables,
        facts=facts,
        groups=groups,
        studies=claims,
        commands=commands,
        evaluated=measured or Measured(),
        symbols=SYMBOLS,
        steps=STEPS,
        sources=SOURCES,
        version=__version__,
    )
    write_atomically(path, page)
