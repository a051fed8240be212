"""Pieces to JSON and back, strictly: an unknown, missing or unsuitable field is named."""

from __future__ import annotations

import functools
import json
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from vaelab.errors import UserError

T = TypeVar("T")


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def encode(piece: Any) -> Any:
    """The piece as JSON values: dictionaries, lists, strings, numbers."""
    kind: Any = type(piece)
    return _adapter(kind).dump_python(piece, mode="json")


def decode(kind: type[T], values: Any, source: str = "JSON") -> T:
    """The piece of type `kind` that `values` describe; `source` is named in errors.

    Raises:
        UserError: a field is unknown, missing or has an unsuitable value.

    >>> from vaelab import Constant, codec
    >>> codec.decode(Constant, {"valeu": 4})
    Traceback (most recent call last):
    ...
    vaelab.errors.UserError: JSON: valeu: Unexpected keyword argument
    """
    hashable: Any = kind
    try:
        # Strings are not taken for numbers; JSON's lists do stand for tuples.
        piece: T = _adapter(hashable).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        raise UserError(f"{source}: {_first(error)}") from None
    return piece


def _first(error: ValidationError) -> str:
    """The first complaint, as 'path: what is wrong'."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error")
    return f"{path}: {cause or first['msg']}".removeprefix(": ")
