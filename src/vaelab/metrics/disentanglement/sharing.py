"""Batches of rows that share the value of one factor."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from vaelab.metrics.disentanglement.factors import halves

_Rows = NDArray[np.int64]


def rows_sharing(
    levels: Int[_Rows, " N"], rows: Int[_Rows, " M"], batches: int, size: int, random: np.random.Generator
) -> Int[_Rows, "{batches} {size}"]:
    """Batches of rows of one level each: a random row, then other rows of its level, drawn with replacement.

    The first row is not drawn again: in a pair of a row with itself all dimensions agree, which would reveal how rare
    the level is. Each level must have at least two of the `rows`.
    """
    rows = rows[np.argsort(levels[rows], kind="stable")]
    _, start, count = np.unique(levels[rows], return_index=True, return_counts=True)
    first = random.integers(len(rows), size=batches)
    group = np.searchsorted(start, first, side="right") - 1
    start, count = start[group, None], count[group, None]
    further = random.integers(1, count, size=(batches, size - 1))
    others = start + (first[:, None] - start + further) % count
    drawn: _Rows = rows[np.column_stack([first, others])]
    return drawn


def batches_of_each_factor(
    levels: Int[_Rows, "N K"], batches: int, size: int, random: np.random.Generator
) -> tuple[list[Int[_Rows, "{batches} {size}"]], list[Int[_Rows, "{batches} {size}"]]]:
    """Training batches for each factor, and as many test batches of other rows."""
    learn: list[_Rows] = []
    test: list[_Rows] = []
    for level in levels.T:
        for half, drawn in zip(halves(level, random), (learn, test), strict=True):
            drawn.append(rows_sharing(level, half, batches, size, random))
    return learn, test
