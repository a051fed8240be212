"""Formulas as SVG outlines, which look the same in every browser and in print and need no fonts."""

from __future__ import annotations

import functools

from markupsafe import Markup, escape
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from vaelab.errors import UserError

# Units of the drawing per em.
_EM = 100
_MARGIN = 4
_COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}


@functools.cache
def formula(tex: str, spoken: str) -> Markup:
    r"""A formula as an <svg> element, in the colour and on the baseline of the surrounding text.

    Args:
        tex: the formula in the subset of TeX that matplotlib sets, without dollar signs.
        spoken: the formula in words, for readers who cannot see it.

    Raises:
        UserError: matplotlib cannot set the formula.

    >>> formula(r"\beta < 1", "beta is below one")[:56]
    Markup('<svg class="formula" role="img" aria-label="beta is belo')
    """
    try:
        outline = TextPath((0, 0), f"${tex}$", size=_EM, prop=FontProperties(math_fontfamily="stix"))
    except ValueError as error:
        # The first line of the error is the formula; the last is the reason.
        raise UserError(f"tex is {tex!r}, which cannot be set ({str(error).splitlines()[-1]}); correct it") from None
    box = outline.get_extents().padded(_MARGIN)
    # The vertical axis of an SVG points down, that of glyphs up.
    view = f"{box.x0:.1f} {-box.y1:.1f} {box.width:.1f} {box.height:.1f}"
    size = f"width:{box.width / _EM:.3f}em;vertical-align:{box.y0 / _EM:.3f}em"
    return Markup(
        f'<svg class="formula" role="img" aria-label="{escape(spoken)}" viewBox="{view}" style="{size}">'
        f'<path fill="currentColor" d="{_path_data(outline)}"/></svg>'
    )


def _path_data(outline: Path) -> str:
    """The outline as SVG path data."""
    commands = []
    for points, code in outline.iter_segments(simplify=False):
        if code == Path.CLOSEPOLY:
            commands.append("Z")
        else:
            coordinates = " ".join(f"{x:.1f} {-y:.1f}" for x, y in points.reshape(-1, 2))
            commands.append(_COMMANDS[code] + coordinates)
    return "".join(commands)
