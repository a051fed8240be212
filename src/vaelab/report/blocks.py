"""Building blocks of a page: tables, figures, and facts about runs and studies."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from vaelab.spec import Spec


@dataclass(frozen=True)
class Table(Spec):
    """A table of text cells.

    Args:
        caption: the title above the table.
        columns: the headings; the first is the heading of the row names.
        rows: one cell per column; the first is the name of the row. A row with one cell is the heading of those below.
        note: the text below the table, such as the meaning of a spread.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class FigureBlock:
    """A figure with its caption.

    Args:
        svg: the figure as an <svg> element.
        caption: its content, and what to look for.
        alt: the text alternative for readers who cannot see it.
        of: the name of its run or study, if the page has the same figure of others; empty otherwise.
    """

    svg: str
    caption: str
    alt: str
    of: str = ""

    @property
    def address(self) -> str:
        """The figure as a data URL, so that its ids cannot clash with others and its thousands of points stay out of
        the page's DOM."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"


@dataclass(frozen=True)
class FigureGroup:
    """The same figure for several runs, side by side if there is room.

    Args:
        title: the name of the figure.
        blocks: one per run.
    """

    title: str
    blocks: tuple[FigureBlock, ...]

    @property
    def caption(self) -> str:
        """The caption that all blocks share; empty if they differ."""
        captions = {block.caption for block in self.blocks}
        return captions.pop() if len(captions) == 1 else ""


@dataclass(frozen=True)
class Fact:
    """A line in the section "Run details"."""

    name: str
    value: str


@dataclass(frozen=True)
class Facts:
    """The facts about one model or one study.

    Args:
        title: the name of the model or study; empty if the page is about one.
        facts: the facts, in order.
        settings: all settings as JSON, which suffice to repeat the run; empty for none.
    """

    title: str
    facts: tuple[Fact, ...]
    settings: str = ""
