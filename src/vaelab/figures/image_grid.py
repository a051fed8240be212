"""Pictures in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from vaelab.figures.style import styled


def image_grid(
    images: ArrayLike,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    row_axis: str = "",
    column_axis: str = "",
    title: str = "",
) -> Figure:
    """Pictures side by side without gaps.

    Args:
        images: values in [0, 1], (R, K, C, H, W), C = 1 for grey or 3 for RGB.
        rows, columns: a label for each row and column, or none.
        row_axis, column_axis: what varies from row to row, and from column to column.
        title: above the figure.
    """
    pictures = np.asarray(images, float)
    r, k, colours, h, w = pictures.shape
    sheet = pictures.transpose(0, 3, 1, 4, 2).reshape(r * h, k * w, colours)
    with styled():
        # The sheet fills the figure but for the room that its labels take, inches by the letter.
        width = 5.4 - 0.09 * max(map(len, rows), default=0)
        figure = Figure(figsize=(6, width * r * h / (k * w) + 0.65), layout="constrained")
        axes = figure.subplots()
        axes.imshow(sheet.squeeze(-1) if colours == 1 else sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xticks((np.arange(len(columns)) + 0.5) * w - 0.5, columns)
        axes.set_yticks((np.arange(len(rows)) + 0.5) * h - 0.5, rows)
        axes.set_xlabel(column_axis)
        axes.set_ylabel(row_axis)
        if title:
            axes.set_title(title)
    return figure
