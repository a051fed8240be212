"""What all figures share: colours, sizes and how they are written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from vaelab.files import write_atomically

# Okabe and Ito (2008), told apart by readers with any colour vision.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#BBBBBB"

_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",  # letters as outlines: the same on every machine
    "svg.hashsalt": "vaelab",  # the same figure gives the same file
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw within the project's style, leaving the caller's as it was."""
    with mpl.rc_context(_STYLE):
        yield


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; the suffix decides the format (png, svg, pdf).

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(path, _render(figure, path.suffix.lstrip(".")))


def to_svg(figure: Figure) -> str:
    """The figure as an <svg> element, to stand in a page."""
    text = _render(figure, "svg").decode()
    return text[text.index("<svg") :]


def _render(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()
