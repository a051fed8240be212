"""Images in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import Floats, fitting
from vaelab.plots.names import LINE, width_of
from vaelab.plots.style import styled

Gaps = tuple[Sequence[int], Sequence[int]]

# In points: a page's width, as much of its height as leaves room for a caption, the side of an image beyond
# which it shows nothing more, and what stays free around everything.
_WIDTH, _HEIGHT, _LARGEST, _EDGE = 432.0, 576.0, 110.0, 5.0


def image_grid(
    images: ArrayLike,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    row_axis: str = "",
    column_axis: str = "",
    title: str = "",
    gaps: Gaps = ((), ()),
) -> Figure:
    """Images side by side, without gaps but for those asked for.

    Args:
        images: values in [0, 1], (R, K, C, H, W), C = 1 for grey or 3 for RGB.
        rows, columns: a label for each row and column, or none.
        row_axis, column_axis: what varies from row to row, and from column to column.
        title: above the figure.
        gaps: before which rows and before which columns a white gap stands, to set groups apart:
            ((2, 4), (1,)) parts pairs of rows, and the first column from the others.

    Raises:
        UserError: images of another shape, labels of another number, or a gap that is not between two images.
    """
    (images,) = fitting(images=(images, "R K C H W"))
    r, k, colours, h, w = images.shape
    if colours not in {1, 3}:
        raise UserError(f"images has {colours} channels, but must have 1 for grey or 3 for RGB")
    for name, labels, count in (("rows", rows, r), ("columns", columns, k)):
        if len(labels) not in {0, count}:
            raise UserError(f"{name} has {len(labels)} labels for {count} {name}; give one for each, or none")
    sheet, tops, lefts = tiled(images, gaps)
    height, width = sheet.shape[:2]
    with styled():
        # The sheet fills a page but for the room that its labels take, so that no letter is cut.
        line = 9 * LINE
        left = _EDGE + max(map(width_of, rows), default=0.0) + 5 * bool(rows) + (line + 4) * bool(row_axis)
        scale = min(max(_WIDTH - left - _EDGE, 150) / width, (_HEIGHT - 4 * line) / height, _LARGEST / max(h, w))
        upright = _touch(columns, lefts * scale)
        names = max(map(width_of, columns), default=0.0) if upright else line
        scale = min(scale, max(_HEIGHT - 3 * line - names, 150) / height)
        below = _EDGE + (names + 5) * bool(columns) + (line + 4) * bool(column_axis)
        above = _EDGE + (10 * LINE + 6) * bool(title)
        # What is centred on a narrow sheet sticks out at its sides.
        across = max(
            width_of(title, 10), width_of(column_axis), 0 if upright else _reach(columns, lefts + w / 2, scale)
        )
        aside = _EDGE + max(0.0, (across - width * scale) / 2)
        updown = _EDGE + max(0.0, (max(width_of(row_axis), line * bool(rows)) - height * scale) / 2)
        left, right, above, below = max(left, aside), aside, max(above, updown), max(below, updown)

        total_w, total_h = left + width * scale + right, below + height * scale + above
        figure = Figure(figsize=(total_w / 72, total_h / 72))
        axes = figure.add_axes((left / total_w, below / total_h, width * scale / total_w, height * scale / total_h))
        axes.imshow(
            sheet.squeeze(-1) if colours == 1 else sheet,
            cmap="gray",
            vmin=0,
            vmax=1,
            # Sharp pixels, but for sheets of so many that some would be left out.
            interpolation="nearest" if max(height, width) < 1000 else "antialiased",
        )
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xticks(lefts + (w - 1) / 2 if columns else [], columns)
        axes.set_yticks(tops + (h - 1) / 2 if rows else [], rows)
        if upright:
            axes.tick_params("x", labelrotation=90, labelsize=_fitting_size(w * scale))
        axes.tick_params("y", labelsize=_fitting_size(h * scale))
        axes.set_xlabel(column_axis)
        axes.set_ylabel(row_axis)
        if title:
            axes.set_title(title)
    return figure


def tiled(images: Floats, gaps: Gaps = ((), ())) -> tuple[Floats, Floats, Floats]:
    """Images (R, K, C, H, W) as one sheet (height, width, C), and where each row and column of them begins.

    Raises:
        UserError: a gap that is not between two images.
    """
    r, k, colours, h, w = images.shape
    gap = max(2, round(max(h, w) / 7))
    starts = []
    for name, before, count, size in (("rows", gaps[0], r, h), ("columns", gaps[1], k, w)):
        if bad := [place for place in before if not 0 < place < count]:
            raise UserError(f"gaps names {bad[0]} among {name}, but must lie between two of the {count} {name}")
        places = np.arange(count)
        starts.append(places * size + gap * np.isin(places, before).cumsum())
    tops, lefts = starts
    sheet = np.ones((tops[-1] + h, lefts[-1] + w, colours))
    for row, top in zip(images, tops, strict=True):
        for image, left in zip(row, lefts, strict=True):
            sheet[top : top + h, left : left + w] = image.transpose(1, 2, 0).clip(0, 1)
    return sheet, tops, lefts


def _touch(labels: Sequence[str], places: Floats) -> bool:
    """Whether two labels that lie side by side at these places leave no space between."""
    widths = np.array([width_of(label) for label in labels])
    return bool(len(widths) and ((widths[1:] + widths[:-1]) / 2 + 4 > np.diff(places)).any())


def _reach(labels: Sequence[str], centres: Floats, scale: float) -> float:
    """How wide a sheet must be for the first and the last of its labels to stay within it."""
    if not labels:
        return 0.0
    middle = (centres[0] + centres[-1]) / 2
    return 2 * max(
        abs(float(centre - middle)) * scale + width_of(label) / 2
        for centre, label in ((centres[0], labels[0]), (centres[-1], labels[-1]))
    )


def _fitting_size(cell: float) -> float:
    """Points of letters whose line fits beside an image."""
    return float(np.clip(0.8 * cell, 4, 9))
