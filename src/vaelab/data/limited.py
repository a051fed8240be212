"""A part of another source's images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge

from vaelab.data.data import D, Data
from vaelab.data.naming import open_data
from vaelab.data.sources import SourceSpec
from vaelab.errors import UserError


@dataclass(frozen=True)
class Limited(SourceSpec):
    """Images of another source, always the same random ones, each split in proportion to its size."""

    source: SourceSpec
    limit: Annotated[int, Ge(2)]
    """Number of images in all splits together."""
    python_only: ClassVar[bool] = True
    """On the command line it is `--limit`."""

    def load(self, directory: Path | None = None) -> Data:
        """The images.

        Raises:
            UserError: there are more splits than images, or as the other source.
        """
        return limited(open_data(self.source, directory), self.limit)


def limited(data: D, limit: int) -> D:
    """`limit` images of all splits together, drawn with a fixed seed; the same data if there are no more.

    Every split keeps at least one image; rows in no split are dropped.

    >>> from vaelab import ImageData
    >>> bars = ImageData("bars", np.zeros((10, 1, 8, 8), np.uint8), splits={"train": range(8), "test": range(8, 10)})
    >>> limited(bars, 5).splits
    {'train': range(0, 4), 'test': range(4, 5)}

    Raises:
        UserError: there are more splits than images.
    """
    total = sum(map(len, data.splits.values()))
    if limit >= total:
        return data
    sizes = {name: max(1, limit * len(rows) // total) for name, rows in data.splits.items()}
    # Rounding takes a few images too few or too many, which the first split, the training's, makes up for.
    first = next(iter(sizes))
    sizes[first] += limit - sum(sizes.values())
    if sizes[first] < 1:
        raise UserError(f"limit is {limit}, but {data.name} has {len(sizes)} splits; take at least one image of each")
    generator = np.random.default_rng(0)
    chosen, splits, start = [], {}, 0
    for name, rows in data.splits.items():
        chosen.append(generator.permutation(len(rows))[: sizes[name]] + rows.start)
        splits[name] = range(start, start + sizes[name])
        start += sizes[name]
    taken: Any = data.take(np.concatenate(chosen))
    found: D = replace(taken, splits=splits, skipped=data.skipped)
    return found
