"""What all figures share: colours, sizes and how they are written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from vaelab.errors import UserError
from vaelab.files import write_atomically

# Okabe and Ito (2008), told apart by readers with any colour vision.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#BBBBBB"

# Their eight, and two more that lie far from all of them for any colour vision. Yellow, the faintest on
# white, comes last.
_TEN = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9", "#000000", "#8020E0", "#602000", "#F0E442")

_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "figure.titlesize": 10,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,  # the grid stands behind bars and points
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",  # letters as outlines: the same on every machine
    "svg.hashsalt": "vaelab",  # the same figure gives the same file
    "pdf.fonttype": 42,  # letters as TrueType, which publishers ask for
}

# No date, so that the same figure gives the same file.
_METADATA: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


@contextmanager
def styled() -> Iterator[None]:
    """Draw within the project's style, leaving the caller's as it was."""
    with mpl.rc_context(_STYLE):
        yield


def class_colours(n: int) -> list[str]:
    """A colour for each of n classes, in the order of the classes.

    The first ten are the eight of Okabe and Ito (2008) with a violet and a brown: at least 16 apart in
    CIELAB (1976) for trichromats, protanopes, deuteranopes and tritanopes. Further classes take the ten
    again, paler or darker each round, so that figures name classes where they lie, too.

    >>> class_colours(3)
    ['#0072b2', '#d55e00', '#009e73']
    """
    ten = np.array([to_rgb(colour) for colour in _TEN])
    rounds = [ten]
    for shade in range(1, -(-n // 10)):
        towards, share = (1.0 if shade % 2 else 0.0), 1 - 0.55 ** ((shade + 1) // 2)
        rounds.append(ten + share * (towards - ten))
    return [to_hex(colour) for colour in np.concatenate(rounds)[:n]]


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; the suffix decides the format (png, svg, pdf). The same figure gives the same bytes.

    Raises:
        UserError: the suffix is another, or the file cannot be written.
    """
    kind = path.suffix.lstrip(".").lower()
    if kind not in _METADATA:
        raise UserError(f"figure {path} has the suffix {path.suffix!r}; end its name in .png, .svg or .pdf")
    write_atomically(path, _render(figure, kind))


def to_svg(figure: Figure) -> str:
    """The figure as an <svg> element, to stand in a page."""
    text = _render(figure, "svg").decode()
    return text[text.index("<svg") :]


def _render(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format=kind, dpi=200, metadata=_METADATA[kind])
    return buffer.getvalue()
