"""Bytes inside an HTML page: compressed, and written as base64 in script elements that no browser runs."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Blocks:
    """The blocks of a page, each with an id by which the contents name it.

    >>> blocks = Blocks()
    >>> blocks.add("means", np.zeros(1000, np.float32))
    'vaelab-means'
    >>> len(blocks.html) < 150
    True
    """

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def add(self, name: str, content: bytes | NDArray[Any]) -> str:
        """Add a block; arrays are written in little-endian order. Returns its id."""
        if not isinstance(content, bytes):
            content = np.ascontiguousarray(content, content.dtype.newbyteorder("<")).tobytes()
        block = f"vaelab-{name}"
        # Without a time, so that the same run gives the same page.
        self._texts[block] = base64.b64encode(gzip.compress(content, mtime=0)).decode()
        return block

    @property
    def html(self) -> str:
        """The script elements."""
        return "\n".join(
            f'<script type="application/gzip" id="{block}">{text}</script>' for block, text in self._texts.items()
        )

    @property
    def size(self) -> int:
        """Bytes of the elements' texts."""
        return sum(map(len, self._texts.values()))
