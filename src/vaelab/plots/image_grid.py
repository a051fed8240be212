"""A grid of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from vaelab.errors import UserError
from vaelab.plots.arrays import Floats, check_channels, checked_arrays
from vaelab.plots.names import LINE_HEIGHT, text_width
from vaelab.plots.style import styled

Gaps = tuple[Sequence[int], Sequence[int]]

# In points: page width, page height without a caption, largest useful side of an image, margin.
_WIDTH, _HEIGHT, _LARGEST, _EDGE = 400.0, 576.0, 110.0, 5.0


def image_grid(
    images: ArrayLike,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    row_axis: str = "",
    column_axis: str = "",
    title: str = "",
    gaps: Gaps = ((), ()),
) -> Figure:
    """A grid of images, without space between them except at `gaps`.

    Args:
        images: values in [0, 1], (R, K, C, H, W), C = 1 for grey or 3 for RGB.
        rows, columns: one label per row and one per column; empty for none.
        row_axis, column_axis: the quantities that vary over rows and over columns.
        title: title of the figure.
        gaps: rows and columns with a gap before them, where the background shows: ((2, 4), (1,)) separates pairs of
            rows, and the first column from the others.

    Raises:
        UserError: the images have the wrong shape, the number of labels does not match, or a gap is not between two
            images.
    """
    (images,) = checked_arrays(images=(images, "R K C H W"))
    r, k, colours, h, w = images.shape
    check_channels(images)
    for name, labels, count in (("rows", rows, r), ("columns", columns, k)):
        if len(labels) not in {0, count}:
            raise UserError(
                f"{name} has {len(labels)} labels for {count} {name}; give one per {name.removesuffix('s')}, or none"
            )
    sheet, tops, lefts = tile(images, gaps)
    height, width = sheet.shape[:2]
    with styled():
        # The sheet fills the part of the page that the labels leave free, so that no label is cut off.
        line = 9 * LINE_HEIGHT
        left = _EDGE + max(map(text_width, rows), default=0.0) + 5 * bool(rows) + (line + 4) * bool(row_axis)
        scale = min(max(_WIDTH - left - _EDGE, 150) / width, (_HEIGHT - 4 * line) / height, _LARGEST / max(h, w))
        upright = _labels_touch(columns, lefts * scale)
        names = max(map(text_width, columns), default=0.0) if upright else line
        scale = min(scale, max(_HEIGHT - 3 * line - names, 150) / height)
        below = _EDGE + (names + 5) * bool(columns) + (line + 4) * bool(column_axis)
        above = _EDGE + (10 * LINE_HEIGHT + 6) * bool(title)
        # Text centred on a narrow sheet can be wider than the sheet.
        across = max(
            text_width(title, 10), text_width(column_axis), 0 if upright else _width_for(columns, lefts + w / 2, scale)
        )
        sides = _EDGE + max(0.0, (across - width * scale) / 2)
        updown = _EDGE + max(0.0, (max(text_width(row_axis), line * bool(rows)) - height * scale) / 2)
        left, right, above, below = max(left, sides), sides, max(above, updown), max(below, updown)

        total_w, total_h = left + width * scale + right, below + height * scale + above
        figure = Figure(figsize=(total_w / 72, total_h / 72))
        axes = figure.add_axes((left / total_w, below / total_h, width * scale / total_w, height * scale / total_h))
        axes.imshow(
            sheet.squeeze(-1) if colours == 1 else sheet,
            cmap="gray",
            vmin=0,
            vmax=1,
            # Sharp pixels, except on large sheets, where nearest would skip some. "none" keeps a vector file small, but
            # has no opacity.
            interpolation="antialiased" if max(height, width) >= 1000 else "nearest" if any(gaps) else "none",
            alpha=_opacity(images.shape, tops, lefts) if any(gaps) else None,
        )
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xticks(lefts + (w - 1) / 2 if columns else [], columns)
        axes.set_yticks(tops + (h - 1) / 2 if rows else [], rows)
        if upright:
            axes.tick_params("x", labelrotation=90, labelsize=_label_size(w * scale))
        axes.tick_params("y", labelsize=_label_size(h * scale))
        axes.set_xlabel(column_axis)
        axes.set_ylabel(row_axis)
        if title:
            axes.set_title(title)
    return figure


def tile(images: Floats, gaps: Gaps = ((), ())) -> tuple[Floats, Floats, Floats]:
    """Images (R, K, C, H, W) as one sheet (height, width, C), with the positions of rows and columns in pixels.

    Raises:
        UserError: a gap is not between two images.
    """
    r, k, colours, h, w = images.shape
    gap = max(2, round(max(h, w) / 7))
    starts = []
    for name, before, count, size in (("rows", gaps[0], r, h), ("columns", gaps[1], k, w)):
        if invalid := [index for index in before if not 0 < index < count]:
            raise UserError(f"gaps has {invalid[0]} for {name}, but a gap must lie between two of the {count} {name}")
        indices = np.arange(count)
        starts.append(indices * size + gap * np.isin(indices, before).cumsum())
    tops, lefts = starts
    sheet = np.ones((tops[-1] + h, lefts[-1] + w, colours))
    for row, top in zip(images, tops, strict=True):
        for image, left in zip(row, lefts, strict=True):
            sheet[top : top + h, left : left + w] = image.transpose(1, 2, 0).clip(0, 1)
    return sheet, tops, lefts


def _opacity(shape: tuple[int, ...], tops: Floats, lefts: Floats) -> Floats:
    """One where the sheet has an image and zero in its gaps, (height, width)."""
    *_, h, w = shape
    rows, columns = np.zeros(int(tops[-1]) + h), np.zeros(int(lefts[-1]) + w)
    for line, starts, size in ((rows, tops, h), (columns, lefts, w)):
        for start in starts.astype(int):
            line[start : start + size] = 1
    return np.outer(rows, columns)


def _labels_touch(labels: Sequence[str], positions: Floats) -> bool:
    """Whether two neighbouring labels at these positions have no space between them."""
    widths = np.array([text_width(label) for label in labels])
    return bool(len(widths) and ((widths[1:] + widths[:-1]) / 2 + 4 > np.diff(positions)).any())


def _width_for(labels: Sequence[str], centres: Floats, scale: float) -> float:
    """The width at which the first and the last label fit within the sheet."""
    if not labels:
        return 0.0
    middle = (centres[0] + centres[-1]) / 2
    return 2 * max(
        abs(float(centre - middle)) * scale + text_width(label) / 2
        for centre, label in ((centres[0], labels[0]), (centres[-1], labels[-1]))
    )


def _label_size(cell: float) -> float:
    """Font size, in points, of a line of text that fits an image of this height."""
    return float(np.clip(0.8 * cell, 4, 9))
