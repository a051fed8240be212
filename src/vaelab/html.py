"""Tables by which objects show themselves in a notebook: short, escaped, in the notebook's own colours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from html import escape
from typing import Any

from vaelab.errors import brief

# A cell and a table that fit on a screen.
_CELL, _ROWS = 120, 24
# Colours are inherited, so a table is dark where the notebook is.
_LINE = "border-bottom:1px solid color-mix(in srgb, currentColor 25%, transparent)"
_TEXT = "text-align:left;padding:.15em .8em .15em 0;color:inherit;background:none"


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """A table as HTML: of many rows the first and the last, of long texts the beginning.

    Args:
        caption: the line above it.
        columns: headings; none for a table of names and values.
        rows: cells as text, the first of which names the row.
        note: a line below it.

    >>> shown = table("Mixture", (), [("components", "<b>20")])
    >>> "<b>20" in shown, "&lt;b&gt;20" in shown
    (False, True)
    """
    head = "".join(f'<th scope="col" style="{_TEXT};{_LINE}">{_cut(name)}</th>' for name in columns)
    left_out = len(rows) - _ROWS
    shown = [*rows] if left_out <= 0 else [*rows[: _ROWS // 2], (f"… {left_out} more",), *rows[-_ROWS // 2 :]]
    body = "".join(f"<tr>{_row(cells)}</tr>" for cells in shown)
    return (
        f'<table style="border-collapse:collapse;color:inherit">'
        f'<caption style="text-align:left;color:inherit;padding-bottom:.3em"><strong>{_cut(caption)}</strong></caption>'
        + (f"<thead><tr>{head}</tr></thead>" if columns else "")
        + f"<tbody>{body}</tbody></table>"
        + (f'<p style="color:inherit;margin:.3em 0">{_cut(note, 4 * _CELL)}</p>' if note else "")
    )


def fields_table(caption: str, settings: Any, *more: tuple[str, str]) -> str:
    """The fields of a dataclass as a table; of one within it, what differs from its defaults.

    Args:
        caption: the line above it.
        settings: the dataclass.
        more: further names and values.

    >>> from vaelab import VAE, Mixture
    >>> "Mixture(components=20)" in fields_table("VAE", VAE(latent=8, prior=Mixture(components=20)))
    True
    """
    rows = [(field.name, _shown(getattr(settings, field.name))) for field in dataclasses.fields(settings)]
    return table(caption, (), [*rows, *more])


def _shown(value: Any) -> str:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return brief(value)
    fields = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
    # Compared as text, since arrays and modules have no plain equality.
    changed = [f"{field.name}={_shown(each)}" for field, each in fields if brief(each) != brief(field.default)]
    return f"{type(value).__name__}({', '.join(changed)})"


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    named = f'<th scope="row" style="{_TEXT};font-weight:normal">{_cut(first)}</th>'
    return named + "".join(f'<td style="{_TEXT}">{_cut(cell)}</td>' for cell in others)


def _cut(text: str, length: int = _CELL) -> str:
    """A text in one line, cut and escaped."""
    line = " ".join(text.split())
    return escape(line if len(line) <= length else f"{line[: length - 1]}…")
