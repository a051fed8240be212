"""A share of a set that is too large to be read whole: always the same rows, with the rest never in memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vaelab.errors import UserError

# Rows read at a time: 8 MiB of 64 x 64 grey pixels.
BLOCK = 2048


def choose(name: str, rows: int, limit: int | None, share: float = 0.1) -> tuple[NDArray[np.int64], int]:
    """Which of `rows` rows are taken, in random order, and how many of them are to train on.

    The rows are drawn with a fixed seed. A row belongs to the test split or does not, whatever the limit:
    `share` of all rows do, and `share` of those taken.

    >>> order, train = choose("bars", rows=1000, limit=20)
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
        few = min(len(test), max(1, round(share * limit)))
        test, rest = test[:few], rest[: limit - few]
    return np.concatenate([rest, test]), len(rest)


def gather(blocks: Iterable[NDArray[np.uint8]], order: NDArray[np.int64], rows: int) -> NDArray[np.uint8]:
    """The rows that `order` names, in that order, of a set that comes in blocks from its first row to its last."""
    place = np.full(rows, -1)
    place[order] = np.arange(len(order))
    taken, start = np.empty((0,), np.uint8), 0
    for block in blocks:
        if start == 0:
            taken = np.empty((len(order), *block.shape[1:]), np.uint8)
        goes = place[start : start + len(block)]
        taken[goes[goes >= 0]] = block[goes >= 0]
        start += len(block)
    return taken
