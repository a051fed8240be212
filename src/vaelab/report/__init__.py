"""The report: one self-contained HTML page about runs and studies."""

from vaelab.report.blocks import (
    Fact as Fact,
    Facts as Facts,
    FigureBlock as FigureBlock,
    FigureGroup as FigureGroup,
    Table as Table,
)
from vaelab.report.claims import (
    CheckOutcome as CheckOutcome,
    ClaimOutcome as ClaimOutcome,
    Claims as Claims,
    Measure as Measure,
    StudyFigure as StudyFigure,
    Verdict as Verdict,
    read_claims as read_claims,
)
from vaelab.report.collect import write_run_report as write_run_report
from vaelab.report.formulas import formula as formula
from vaelab.report.page import write_report as write_report
