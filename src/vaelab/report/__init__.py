"""The report: one HTML page about runs and studies that opens from disk, without a network."""

from vaelab.report.blocks import Fact, Facts, FigureBlock, FigureGroup, Table
from vaelab.report.claims import CheckOutcome, ClaimOutcome, Claims, Measure, StudyFigure, Verdict, read_claims
from vaelab.report.collect import write_run_report
from vaelab.report.formulas import formula
from vaelab.report.page import write_report

__all__ = [
    "CheckOutcome",
    "ClaimOutcome",
    "Claims",
    "Fact",
    "Facts",
    "FigureBlock",
    "FigureGroup",
    "Measure",
    "StudyFigure",
    "Table",
    "Verdict",
    "formula",
    "read_claims",
    "write_report",
    "write_run_report",
]
