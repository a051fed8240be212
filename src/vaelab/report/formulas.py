"""Formulas as outlines: the same in every browser, on paper and without a font."""

from __future__ import annotations

import functools

from markupsafe import Markup, escape
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from vaelab.errors import UserError

# Units of the drawing in an em.
_EM = 100
_MARGIN = 4
_COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}


@functools.cache
def formula(tex: str, spoken: str) -> Markup:
    r"""A formula as an <svg> element in the colour of the text around it, on that text's baseline.

    Args:
        tex: in the part of TeX that matplotlib sets, without dollar signs.
        spoken: how it is read aloud.

    Raises:
        UserError: the formula cannot be set.

    >>> formula(r"\beta < 1", "beta is below one")[:56]
    Markup('<svg class="formula" role="img" aria-label="beta is belo')
    """
    try:
        outline = TextPath((0, 0), f"${tex}$", size=_EM, prop=FontProperties(math_fontfamily="stix"))
    except ValueError as error:
        # The first line is the formula itself; the last tells what was expected.
        raise UserError(f"tex is {tex!r}, which cannot be set ({str(error).splitlines()[-1]}); correct it") from None
    box = outline.get_extents().padded(_MARGIN)
    # An axis of images points down, one of letters up.
    view = f"{box.x0:.1f} {-box.y1:.1f} {box.width:.1f} {box.height:.1f}"
    size = f"width:{box.width / _EM:.3f}em;vertical-align:{box.y0 / _EM:.3f}em"
    return Markup(
        f'<svg class="formula" role="img" aria-label="{escape(spoken)}" viewBox="{view}" style="{size}">'
        f'<path fill="currentColor" d="{_drawn(outline)}"/></svg>'
    )


def _drawn(outline: Path) -> str:
    """The outline in SVG's words."""
    words = []
    for points, code in outline.iter_segments(simplify=False):
        if code == Path.CLOSEPOLY:
            words.append("Z")
        else:
            # Upside down, as above.
            places = " ".join(f"{x:.1f} {-y:.1f}" for x, y in points.reshape(-1, 2))
            words.append(_COMMANDS[code] + places)
    return "".join(words)
