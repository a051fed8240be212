"""Exports to ONNX in tests: the list of operators that they begin with takes half a second, and is read once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .shapes import unchecked

_PLACE = "torch.onnx._internal.exporter._registration.onnxscript_apis.get_torchlib_ops"


@functools.cache
def _once(read: Callable[[], Any]) -> Any:
    return read()


@contextmanager
def quick_exports() -> Iterator[None]:
    """Exports without checks of shapes, which would take several times as long as the tracing."""
    from torch.onnx._internal.exporter import _registration

    read = _registration.onnxscript_apis.get_torchlib_ops
    with unchecked(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(_PLACE, functools.partial(_once, read))
        yield
