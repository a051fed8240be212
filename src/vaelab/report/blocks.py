"""What a page is made of: tables, figures, and lines of what was run."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from vaelab.spec import Spec


@dataclass(frozen=True)
class Table(Spec):
    """A table as text, ready to be read.

    Args:
        caption: its name, above it.
        columns: the headings; the first stands over the names of the rows.
        rows: cells, as many as there are columns; the first names the row.
        note: below it, such as what a spread is.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class FigureBlock:
    """A figure with the words below it.

    Args:
        svg: the figure as an <svg> element.
        caption: what it shows and what to look for.
        alt: what stands in its place for a reader who does not see it.
        of: whose figure it is, where the same figure of others stands beside it.
    """

    svg: str
    caption: str
    alt: str
    of: str = ""

    @property
    def address(self) -> str:
        """The figure as a data address: as an image it keeps its ids to itself, and thousands of points stay outside
        the page's own tree."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"


@dataclass(frozen=True)
class FigureGroup:
    """The same figure for each of several runs, side by side where there is room.

    Args:
        title: what the figure is.
        blocks: one a run.
    """

    title: str
    blocks: tuple[FigureBlock, ...]

    @property
    def caption(self) -> str:
        """The caption that all share, to be said once; empty where they differ."""
        captions = {block.caption for block in self.blocks}
        return captions.pop() if len(captions) == 1 else ""


@dataclass(frozen=True)
class Fact:
    """A line of "what was run"."""

    name: str
    value: str


@dataclass(frozen=True)
class Facts:
    """What was run, of one model or one study.

    Args:
        title: whose facts these are; empty where the page has one set of them.
        facts: in order.
        settings: all settings as JSON, to make it again from the page alone; empty for none.
    """

    title: str
    facts: tuple[Fact, ...]
    settings: str = ""
