"""Formulas as MathML, which browsers set without a script. The translation from TeX is docutils' own.

Tall brackets need a font with a table of mathematics, which not every system has, so the site brings STIX Two Math.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.util import logging


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("build-finished", _add_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(_translated(node, block=False))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="formula" tabindex="0">{_translated(node, block=True)}</div>')
    raise nodes.SkipNode


def _translated(node: nodes.Element, block: bool) -> str:
    """The formula; one that cannot be translated is a warning, and stands as it was written."""
    tex = node.astext().strip()
    try:
        return _spaced(tex2mathml(tex, as_block=block))
    except MathError as error:
        logging.getLogger(__name__).warning("formula %r: %s", tex, error, location=node)
        return f"<code>{nodes.unescape(tex)}</code>"


def _spaced(mathml: str) -> str:
    """A space between a function and its argument, and bars between distributions that are as tall as a letter."""
    mathml = re.sub(r"<mo>&ApplyFunction;</mo>(?!\s*<mo)", '<mspace width="0.17em"/>', mathml)
    return re.sub(r"<mo[^>]*>‖</mo>", '<mo stretchy="false">‖</mo>', mathml)


def _add_font(app: Sphinx, error: Exception | None) -> None:
    """The font, compressed, beside the style sheet that names it."""
    target = Path(app.outdir) / "_static/stix-two-math.woff"
    if error is None and app.builder.format == "html" and not target.is_file():
        with files("ziamath").joinpath("fonts/STIXTwoMath-Regular.ttf").open("rb") as file, TTFont(file) as font:
            font.flavor = "woff"
            font.save(target)
