"""Colours, text sizes and file output of all plots."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap, to_hex, to_rgb
from matplotlib.figure import Figure

from vaelab.errors import UserError
from vaelab.files import write_atomically

# From the palette of Okabe and Ito (2008), distinguishable with any colour vision.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#BBBBBB"
# The fill of a density, under lines of the other colours.
PALE_BLUE = "#7FB8D8"
# The start of the ids of pictures whose colours mean amounts; a dark page inverts them.
DENSITY = "density"
# From pale to dark blue, and nothing where there is nothing: the background shows through.
AMOUNTS = ListedColormap([(*mpl.colormaps["Blues"](level)[:3], min(1, 6 * level)) for level in np.linspace(0, 1, 256)])
# Line styles, since colours are lost in a black-and-white print.
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)))

# The eight colours of that palette, and two that differ from them for any colour vision. Yellow, the faintest on
# white, is last.
_TEN = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9", "#000000", "#8020E0", "#602000", "#F0E442")

_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "figure.titlesize": 10,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,  # the grid is drawn behind bars and points
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "text.parse_math": False,  # a dollar sign in a class name is a letter
    "svg.fonttype": "path",  # letters as outlines, identical on every machine
    "svg.hashsalt": "vaelab",  # the same ids in every file
    "pdf.fonttype": 42,  # letters as TrueType, which publishers require
}

# Without dates, so that files are reproducible.
_METADATA: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style of this package inside the block; restores the caller's style on exit."""
    with mpl.rc_context(_STYLE):
        yield


def class_colours(n: int) -> list[str]:
    """One colour for each of n classes, as hex strings.

    The first ten are the eight of Okabe and Ito (2008), a violet and a brown: at least 16 apart in CIELAB (1976) for
    trichromats, protanopes, deuteranopes and tritanopes. Further classes repeat the ten, paler or darker in each round;
    since these are harder to distinguish, plots also write the names of classes next to their points.

    >>> class_colours(3)
    ['#0072b2', '#d55e00', '#009e73']
    """
    ten = np.array([to_rgb(colour) for colour in _TEN])
    rounds = [ten]
    for shade in range(1, -(-n // 10)):
        towards, share = (1.0 if shade % 2 else 0.0), 1 - 0.55 ** ((shade + 1) // 2)
        rounds.append(ten + share * (towards - ten))
    return [to_hex(colour) for colour in np.concatenate(rounds)[:n]]


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the suffix of the path. The same figure gives the same bytes.

    Raises:
        UserError: the suffix is unknown, or the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    if kind not in _METADATA:
        raise UserError(f"figure {path} has the suffix {path.suffix!r}; end its name in .png, .svg or .pdf")
    write_atomically(path, _render(figure, kind))


def to_svg(figure: Figure) -> str:
    """The figure as an <svg> element of an HTML page."""
    text = _render(figure, "svg").decode()
    return text[text.index("<svg") :]


def _render(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format=kind, dpi=200, metadata=_METADATA[kind])
    return buffer.getvalue()
