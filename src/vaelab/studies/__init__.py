"""Studies: several runs, one question, one table."""

from vaelab.studies.paper import run_paper_study

__all__ = ["run_paper_study"]
