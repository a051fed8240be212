"""Checks of shapes at run time, each made once for arguments and a result of the same types, shapes and dtypes.

jaxtyping and beartype decide by nothing else, so a call like an earlier one would pass again. Without this memory the
checks take more than half of the time of all tests.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jaxtyping
import numpy as np
import torch

# The hook below decorates functions with this one.
_jaxtyped = jaxtyping.jaxtyped
_LONGEST = 16
_BY_VALUE = (str, bool, type(None))
_by_type: dict[type, bool] = {}


class _Unknown(Exception):
    """There is more to check than types, shapes and dtypes."""


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """No checks within: while a model is traced they would take several times as long as the tracing."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def described(value: Any) -> Any:
    """What a check can depend on. Equal descriptions pass or fail alike.

    Raises:
        _Unknown: it may depend on more.
    """
    kind = type(value)
    if kind is torch.Tensor or kind is torch.nn.Parameter or kind is np.ndarray:
        return kind, value.dtype, value.shape
    if kind in _BY_VALUE:
        return value
    if (kind is tuple or kind is list) and len(value) <= _LONGEST:
        return kind, *map(described, value)
    simple = _by_type.get(kind)
    if simple is None:
        # Checks look into containers, and a class is checked for what it is.
        other = (Iterable, type, torch.Tensor, np.ndarray)
        simple = _by_type[kind] = not isinstance(value, other)
    if not simple:
        raise _Unknown
    return kind


def checked(function: Any = None, *, typechecker: Any) -> Any:
    """In place of `jaxtyping.jaxtyped`: the same checks of the same functions, remembered."""
    if function is None:
        return functools.partial(checked, typechecker=typechecker)
    if inspect.isclass(function):
        if dataclasses.is_dataclass(function) and not hasattr(function.__init__, "remembers"):
            function.__init__ = checked(function.__init__, typechecker=typechecker)
        return function
    if isinstance(function, classmethod | staticmethod):
        return type(function)(checked(function.__func__, typechecker=typechecker))
    if isinstance(function, property):
        parts = (function.fget, function.fset, function.fdel)
        return property(*(part and checked(part, typechecker=typechecker) for part in parts))
    return _remembering(function, typechecker)


def _remembering(function: Callable[..., Any], typechecker: Any) -> Callable[..., Any]:
    """The function, which checks a call unless one like it has passed."""
    config, passed, results = jaxtyping.config, {}, []
    # Made when they are first needed, since each is compiled.
    in_full: Callable[..., Any] | None = None
    of_result: Callable[..., Any] | None = None

    def given(*args: Any, **kwargs: Any) -> Any:
        return results.pop()

    # Annotations are texts, which are read where the function stands.
    given = types.FunctionType(given.__code__, function.__globals__, closure=given.__closure__)
    functools.update_wrapper(given, function)

    @functools.wraps(function)
    def remembers(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        nonlocal in_full, of_result
        if config.jaxtyping_disable:
            return function(*args, **kwargs)
        try:
            call: Any = tuple(map(described, args))
            if kwargs:
                call = call, tuple(kwargs), tuple(map(described, kwargs.values()))
            known = passed.get(call)
        except _Unknown:
            call = known = None
        if known:
            out = function(*args, **kwargs)
        else:
            # Arguments are checked before the function runs, which may fail in another way if they are wrong.
            in_full = in_full or _jaxtyped(function, typechecker=typechecker)
            out = in_full(*args, **kwargs)
            if call is None:
                return out
        try:
            made = described(out)
        except _Unknown:
            made = _Unknown
        if known and made not in known:
            of_result = of_result or _jaxtyped(given, typechecker=typechecker)
            results.append(out)
            of_result(*args, **kwargs)
        if made is not _Unknown:
            passed.setdefault(call, set()).add(made)
        return out

    remembers.remembers = True  # type: ignore[attr-defined]
    return remembers
