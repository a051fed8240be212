"""Arrays in a file of which memory holds only what is being read."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

# Bytes of the blocks in which a whole array is read.
_BLOCK = 1 << 24
# Rows that are read at once from anywhere in a file.
_SOME = 128


class Mapped(np.ndarray[Any, Any]):
    """An array of bytes in a file, mapped for reading; processes that map the same file share its pages.

    Rows that are selected by a slice stay in the file; those selected by number are a copy in memory.
    """

    file: mmap.mmap | None = None
    """The map, if the array still lies in it."""
    sha256: Any = None
    """The hash object of the whole array, if it was computed when the file was opened."""

    def __array_finalize__(self, of: Any) -> None:
        if isinstance(of, Mapped) and of.file is not None and np.may_share_memory(self, of):
            self.file = of.file


def mapped(path: Path, shape: tuple[int, ...]) -> Mapped:
    """The uint8 array of this shape that a file holds.

    Raises:
        OSError: the file cannot be mapped.
        ValueError: it has another size.
    """
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    array = np.frombuffer(pages, np.uint8).reshape(shape).view(Mapped)
    array.file = pages
    return array


def in_file(array: NDArray[Any]) -> bool:
    """Whether an array lies in a file, and not in memory."""
    return isinstance(array, Mapped) and array.file is not None


def forget_pages(array: NDArray[Any]) -> None:
    """Take the pages that were read out of this process; the system keeps them as long as it has memory to spare.

    Without it, a process seems to need as much memory as it has read of the file.
    """
    if isinstance(array, Mapped) and array.file is not None and hasattr(array.file, "madvise"):
        array.file.madvise(mmap.MADV_DONTNEED)


def blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The array by blocks of rows, so that a file is never in memory as a whole."""
    rows = max(1, _BLOCK // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
        forget_pages(array)


def copied(array: NDArray[Any], rows: slice | NDArray[np.int64]) -> NDArray[Any]:
    """The named rows of an array, in memory; of one in a file a few at a time.

    The system maps the pages around each row as well, which would be most of a file for some thousand rows.
    """
    if not in_file(array) or isinstance(rows, slice):
        found = np.array(array[rows], subok=False)
        forget_pages(array)
        return found
    found = np.empty((len(rows), *array.shape[1:]), array.dtype)
    for start in range(0, len(rows), _SOME):
        found[start : start + _SOME] = array[rows[start : start + _SOME]]
        forget_pages(array)
    return found


def sha256_of(array: NDArray[Any]) -> Any:
    """The hash object over the bytes of an array."""
    known = getattr(array, "sha256", None)
    if known is not None:
        return known.copy()
    digest = hashlib.sha256()
    if in_file(array):
        for block in blocks(array):
            digest.update(np.ascontiguousarray(block).data)
    else:
        digest.update(np.ascontiguousarray(array).data)
    return digest


def as_tensor(array: NDArray[Any]) -> Tensor:
    """The array as a tensor, which shares its memory; of an array in a file, a copy, since nothing may write there."""
    import torch

    return torch.from_numpy(copied(array, slice(None)) if in_file(array) else array)


def rows_of(array: NDArray[Any], rows: Tensor | slice) -> Tensor:
    """Some rows of an array as a tensor in memory; `rows` is on the CPU."""
    import torch

    index = rows if isinstance(rows, slice) else rows.numpy()
    return torch.from_numpy(copied(array, index))
