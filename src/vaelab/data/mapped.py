"""Arrays in a file of which memory holds only what is being read."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaelab.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

# Bytes of the blocks in which a whole array is read.
_BLOCK = 1 << 24
# Rows that are read at once from anywhere in a file, where they have to be mapped.
_SOME = 8


class _File:
    """A file that is mapped and open for reading as long as an array lies in it.

    Args:
        number: of the open file, which is closed by this object.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.pages = mmap.mmap(number, 0, access=mmap.ACCESS_READ)
        self.bytes = np.frombuffer(self.pages, np.uint8)

    def __del__(self) -> None:
        os.close(self.number)

    def read(self, into: memoryview, place: int) -> None:
        """Fill memory from a place in the file on."""
        while into and (got := os.preadv(self.number, [into], place)):
            into, place = into[got:], place + got
        if into:
            raise OSError(0, "the file has become shorter")


class Mapped(np.ndarray[Any, Any]):
    """An array of bytes in a file, mapped for reading; processes that map the same file share its pages.

    Rows that are selected by a slice stay in the file; those selected by number are a copy in memory.
    """

    file: _File | None = None
    """The file, if the array still lies in it."""
    sha256: Any = None
    """The hash object of the whole array, once it was computed."""
    recorded: tuple[str, str] | None = None
    """The sha256 that the whole array should have, and what is said of one that differs."""

    def __array_finalize__(self, of: Any) -> None:
        if isinstance(of, Mapped) and of.file is not None and np.may_share_memory(self, of):
            self.file = of.file


def mapped(path: Path, shape: tuple[int, ...]) -> Mapped:
    """The uint8 array of this shape that a file holds.

    Raises:
        OSError: the file cannot be mapped.
        ValueError: it has another size.
    """
    file = _File(os.open(path, os.O_RDONLY))
    array = file.bytes.reshape(shape).view(Mapped)
    array.file = file
    return array


def in_file(array: NDArray[Any]) -> bool:
    """Whether an array lies in a file, and not in memory."""
    return isinstance(array, Mapped) and array.file is not None


def forget_pages(array: NDArray[Any]) -> None:
    """Take the pages that were read out of this process; the system keeps them as long as it has memory to spare.

    Without it, a process seems to need as much memory as it has read of the file.
    """
    if isinstance(array, Mapped) and array.file is not None and hasattr(array.file.pages, "madvise"):
        array.file.pages.madvise(mmap.MADV_DONTNEED)


def blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The array by blocks of rows, so that a file is never in memory as a whole."""
    rows = max(1, _BLOCK // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
        forget_pages(array)


def copied(array: NDArray[Any], rows: slice | NDArray[np.int64]) -> NDArray[Any]:
    """The named rows of an array, in memory.

    Those of a file are read, not mapped: for each row that is touched the system maps up to 2 MB around it, so that a
    batch from all over a file would take hundreds of megabytes.
    """
    if not (isinstance(array, Mapped) and array.file is not None):
        return np.array(array[rows], subok=False)
    if isinstance(rows, slice):
        rows = np.arange(len(array))[rows]
    found = np.empty((len(rows), *array.shape[1:]), array.dtype)
    if hasattr(os, "preadv") and array.flags.c_contiguous and ((rows >= 0) & (rows < len(array))).all():
        start, size = array.ctypes.data - array.file.bytes.ctypes.data, array[:1].nbytes
        memory = found.reshape(-1).data
        # Rows that follow each other are read at once.
        runs = np.flatnonzero(np.diff(rows, prepend=-2, append=-2) != 1).tolist()
        for first, end in pairwise(runs):
            array.file.read(memory[first * size : end * size], start + int(rows[first]) * size)
        return found
    for start in range(0, len(rows), _SOME):
        found[start : start + _SOME] = array[rows[start : start + _SOME]]
        forget_pages(array)
    return found


def sha256_of(array: NDArray[Any]) -> Any:
    """The hash object over the bytes of an array; of one in a file it is computed once.

    Raises:
        UserError: the array lies in a file with another sha256 than the recorded one.
    """
    digest = hashlib.sha256()
    if not (isinstance(array, Mapped) and in_file(array)):
        digest.update(np.ascontiguousarray(array).data)
        return digest
    if array.sha256 is None:
        for block in blocks(array):
            digest.update(np.ascontiguousarray(block).data)
        if array.recorded is not None and digest.hexdigest() != array.recorded[0]:
            raise UserError(array.recorded[1])
        array.sha256 = digest
    return array.sha256.copy()


def as_tensor(array: NDArray[Any]) -> Tensor:
    """The array as a tensor, which shares its memory; of an array in a file, a copy, since nothing may write there."""
    import torch

    return torch.from_numpy(copied(array, slice(None)) if in_file(array) else array)


def rows_of(array: NDArray[Any], rows: Tensor | slice) -> Tensor:
    """Some rows of an array as a tensor in memory; `rows` is on the CPU."""
    import torch

    index = rows if isinstance(rows, slice) else rows.numpy()
    return torch.from_numpy(copied(array, index))
