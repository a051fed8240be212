"""Rendering of results and figures as one self-contained HTML page."""

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
from vaelab.report.verdict import Verdict


def write_report(
    path: Path,
    title: str,
    verdict: Verdict,
    notices: Sequence[str],
    tables: Sequence[Table],
    facts: Sequence[Facts],
    groups: Sequence[FigureGroup],
    claims: Sequence[Claims] = (),
    commands: Sequence[str] = (),
    measured: Measured | None = None,
    own_parts: Sequence[str] = (),
    explorer: str = "",
) -> None:
    """Write the page as one file, whose content security policy forbids loading anything else.

    Args:
        path: the file to write.
        title: the heading of the page.
        verdict: what the numbers say, below the heading.
        notices: warnings at the top of the page, such as that the data are not MNIST.
        tables: the results.
        facts: facts about each model or study.
        groups: the figures, in order; the first stands above the tables.
        claims: the claims of studies, with their verdicts.
        commands: the commands that reproduce the results.
        measured: the evaluations of runs.
        own_parts: sentences about user-defined parts, which the derivation does not cover.
        explorer: the address of the page in which the model is explored; empty for none.

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
        verdict=verdict,
        notices=notices,
        tables=tables,
        facts=facts,
        groups=groups,
        studies=claims,
        commands=commands,
        evaluated=measured or Measured(),
        own_parts=own_parts,
        explorer=explorer,
        symbols=SYMBOLS,
        steps=STEPS,
        sources=SOURCES,
        version=__version__,
    )
    write_atomically(path, page)
