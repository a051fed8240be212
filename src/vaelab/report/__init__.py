"""The report: one HTML page that opens from disk, without a network."""

from vaelab.report.page import Fact, FigureBlock, write_report

__all__ = ["Fact", "FigureBlock", "write_report"]
