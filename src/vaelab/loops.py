"""How far a long computation is, told by its loops to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Span:
    """The share of the whole that the loop inside it fills."""

    listen: Callable[[float], None]
    start: float = 0.0
    width: float = 1.0


_span: ContextVar[_Span | None] = ContextVar("span", default=None)


def counted(items: Iterable[T], total: int) -> Iterator[T]:
    """Iterate over the items, and report the share that is done.

    A loop within the body of another one fills the share of one of its items. Loops one after the other each begin at
    the same share, so that it falls between them.

    Args:
        items: to iterate over.
        total: their number.

    >>> shares = []
    >>> with listening(shares.append):
    ...     for _ in counted("ab", 2):
    ...         for _ in counted("xy", 2):
    ...             pass
    >>> shares
    [0.25, 0.5, 0.5, 0.75, 1.0, 1.0]
    """
    span = _span.get()
    if span is None:
        yield from items
        return
    width = span.width / max(1, total)
    try:
        for number, item in enumerate(items):
            _span.set(_Span(span.listen, span.start + number * width, width))
            yield item
            span.listen(span.start + min(number + 1, total) * width)
    finally:
        _span.set(span)


@contextmanager
def listening(listen: Callable[[float], None]) -> Iterator[None]:
    """Call a function with the share, from 0 to 1, that the outermost counted loop within has done."""
    token = _span.set(_Span(listen))
    try:
        yield
    finally:
        _span.reset(token)
