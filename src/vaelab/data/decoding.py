"""Decoding of many image files at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_threads(decode: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`decode` of each item, in order. Pillow releases the interpreter's lock while it decodes, so all cores work.

    >>> in_threads(len, ["a", "bc"])
    [1, 2]
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        return list(pool.map(decode, items))
