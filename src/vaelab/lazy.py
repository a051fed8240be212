"""Modules whose functions are named before the module is imported, so that help needs no torch."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any


class LazyModule:
    """A stand-in for a module of functions, which is imported when one of them is first called.

    Type checkers are given the module itself: `if TYPE_CHECKING: from package import module`, and this stand-in in the
    `else` branch.

    >>> root = LazyModule("math").sqrt
    >>> root(9.0)
    3.0
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, function: str) -> Callable[..., Any]:
        if function.startswith("__"):
            raise AttributeError(function)
        return functools.partial(_call, self._name, function)


def _call(module: str, function: str, *arguments: Any, **options: Any) -> Any:
    return getattr(importlib.import_module(module), function)(*arguments, **options)
