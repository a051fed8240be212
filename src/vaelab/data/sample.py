"""Random rows of a set that is too large to be held in memory: always the same ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vaelab.errors import UserError

# Rows read at a time: 8 MiB of 64 x 64 grey pixels.
BLOCK = 2048


def choose_rows(name: str, rows: int, limit: int | None, share: float = 0.1) -> tuple[NDArray[np.int64], int]:
    """The rows to take of `rows` rows, in random order, and the number of them that belong to the training split.

    The order is drawn with a fixed seed. The test split is `share` of all rows and `share` of those taken; a row is
    in the same split for every limit.

    >>> order, train = choose_rows("bars", rows=1000, limit=20)
    >>> len(order), train
    (20, 18)

    Raises:
        UserError: there are fewer than two rows.
    """
    if rows < 2:
        raise UserError(f"{name}: {rows} images; at least two are needed, one of them for the test split")
    order = np.random.default_rng(0).permutation(rows)
    test, rest = np.split(order, [max(1, round(share * rows))])
    if limit is not None and limit < rows:
        count = min(len(test), max(1, round(share * limit)))
        test, rest = test[:count], rest[: limit - count]
    return np.concatenate([rest, test]), len(rest)


def gather_rows(blocks: Iterable[NDArray[np.uint8]], order: NDArray[np.int64], rows: int) -> NDArray[np.uint8]:
    """The rows `order`, in that order, of a set of `rows` rows that is read in blocks."""
    position = np.full(rows, -1)
    position[order] = np.arange(len(order))
    taken, start = np.empty((0,), np.uint8), 0
    for block in blocks:
        if start == 0:
            taken = np.empty((len(order), *block.shape[1:]), np.uint8)
        target = position[start : start + len(block)]
        taken[target[target >= 0]] = block[target >= 0]
        start += len(block)
    return taken
