"""Specs to JSON and back, strictly: an unknown, missing or unsuitable field is named.

A file never causes an import. A spec that is not this package's own is written as `package.module:Class` and read back
if that class is imported already, is given by the caller, or belongs to an installed plugin.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import sys
from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError

from vaelab.errors import UserError, brief, did_you_mean
from vaelab.plugins import load_entry_points
from vaelab.spec import Spec, is_own, members, spec_hints, tag_of

T = TypeVar("T")


@functools.cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


def encode(spec: Spec) -> dict[str, Any]:
    """The spec as JSON values: dictionaries, lists, strings, numbers.

    >>> from vaelab import Mixture
    >>> encode(Mixture(components=3))
    {'components': 3, 'full': False, 'kind': 'mixture'}

    Raises:
        UserError: a field has a value that JSON cannot hold.
    """
    values = {}
    hints = spec_hints(type(spec))
    for field in _stored(type(spec)):
        values[_json_name(type(spec), field.name)] = _encoded(
            hints[field.name], getattr(spec, field.name), f"{type(spec).__name__}.{field.name}"
        )
    return values if spec.room is None else values | {"kind": tag_of(type(spec))}


def decode(kind: type[T], values: Any, source: str = "JSON", specs: Sequence[type[Spec]] = ()) -> T:
    """The spec of type `kind` that `values` describe; `source` is named in errors.

    Args:
        kind: a spec class, or the abstract one of a room.
        values: as `encode` gives them.
        source: the file they come from.
        specs: spec classes that the values may name, besides those that are imported.

    >>> from vaelab.schedules import Constant
    >>> decode(Constant, {"valeu": 4})
    Traceback (most recent call last):
    ...
    vaelab.errors.UserError: JSON: valeu: unknown field of Constant; did you mean value?

    Raises:
        UserError: a field is unknown, missing or has an unsuitable value, or a spec class is not at hand.
    """
    found: T = _decoded(kind, values, (), source, tuple(specs))
    return found


def _stored(spec: type[Spec]) -> list[dataclasses.Field[Any]]:
    """The fields that JSON holds: all but those that hold objects of Python."""
    return [field for field in dataclasses.fields(spec) if field.metadata.get("json", True)]  # type: ignore[arg-type]


def _json_name(spec: type[Spec], name: str) -> str:
    return spec.json_names.get(name, name)


def _encoded(hint: Any, value: Any, where: str) -> Any:
    if isinstance(value, Spec):
        return encode(value)
    if value is None:
        return None
    inner = _inner(hint)
    if inner is not hint and _room(inner) is not None:
        return [_encoded(inner, each, where) for each in value]
    try:
        return _adapter(hint).dump_python(value, mode="json")
    except (PydanticUserError, PydanticSerializationError, UnicodeDecodeError):
        raise UserError(
            f"{where} is {brief(value)}, which JSON cannot hold; use numbers, text, tuples or other specs, or "
            "mark the field with metadata={'json': False}"
        ) from None


def _inner(hint: Any) -> Any:
    """X of `tuple[X, ...]`, or the hint itself."""
    return get_args(hint)[0] if get_origin(hint) in (tuple, list) else hint


def _room(hint: Any) -> Any:
    """The spec class in a type such as `PriorSpec`, `PriorSpec | None` or `Annotated[PriorSpec, ...]`, or None."""
    if get_origin(hint) is Annotated:
        return _room(get_args(hint)[0])
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        return next((room for room in map(_room, get_args(hint)) if room is not None), None)
    return hint if isinstance(hint, type) and issubclass(hint, Spec) else None


def _decoded(hint: Any, values: Any, path: tuple[str, ...], source: str, specs: tuple[type[Spec], ...]) -> Any:
    room = _room(hint)
    if room is not None:
        return None if values is None and type(None) in get_args(hint) else _spec(room, values, path, source, specs)
    inner = _inner(hint)
    several = _room(inner) if inner is not hint else None
    if several is not None:
        if not isinstance(values, list):
            raise _error(source, path, f"is {brief(values)}, but must be a list of {several.__name__}")
        return tuple(_decoded(inner, each, (*path, str(i)), source, specs) for i, each in enumerate(values))
    try:
        # Strings are not taken for numbers; JSON's lists do stand for tuples.
        return _adapter(hint).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _error(source, (*path, *map(str, first["loc"])), first["msg"]) from None


def _spec(room: type[Spec], values: Any, path: tuple[str, ...], source: str, specs: tuple[type[Spec], ...]) -> Any:
    if not isinstance(values, dict):
        raise _error(source, path, f"is {values!r}, but must be an object with the fields of {room.__name__}")
    given = dict(values)
    tagged = room.room is not None
    spec: Any = room if tagged and "kind" in given else room.of_json(given)
    if tagged and spec is room:
        spec = _class(room, given.pop("kind", None), path, source, specs)
    names = {_json_name(spec, field.name): field for field in _stored(spec)}
    for name in given:
        if name not in names:
            raise _error(source, (*path, name), f"unknown field of {spec.__name__}{did_you_mean(name, names)}")
    for name, field in names.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in given:
            raise _error(source, (*path, name), f"missing field of {spec.__name__}")
    hints = spec_hints(spec)
    fields = {
        names[name].name: _decoded(hints[names[name].name], value, (*path, name), source, specs)
        for name, value in given.items()
    }
    try:
        return spec(**fields)
    except UserError as error:
        raise _error(source, path, str(error)) from None


def _class(
    room: type[Spec], kind: Any, path: tuple[str, ...], source: str, specs: tuple[type[Spec], ...]
) -> type[Spec]:
    """The spec class that a tag names.

    Raises:
        UserError: there is none; the message says how a foreign one is brought.
    """
    own = {spec.kind: spec for spec in members(room, own=True)}
    if is_own(room) and not own:  # a concrete class was asked for
        own = {room.kind: room}
    if kind is None and len(own) == 1 and room in own.values():
        return room
    if not isinstance(kind, str) or ":" not in kind:
        if isinstance(kind, str) and kind in own:
            return own[kind]
        says = "kind is missing" if kind is None else f"kind is {kind!r}"
        hint = did_you_mean(str(kind), own)
        raise _error(source, path, f"{says}, but must be one of {', '.join(own)}, or package.module:Class{hint}")
    module, _, name = kind.partition(":")
    found = {tag_of(spec): spec for spec in specs}.get(kind) or _imported(module, name)
    if found is None:
        # In a script or a notebook a module has no name of its own, so there the class's name must do.
        alike = [spec for spec in specs if spec.__qualname__ == name]
        if module == "__main__" and len(alike) == 1:
            found = alike[0]
    broken: tuple[str, ...] = ()
    if found is None:
        broken = load_entry_points()
        found = _imported(module, name)
    if found is None:
        other = [tag_of(spec) for spec in specs if spec.__qualname__ == name]
        given = f" ({other[0]} was given, a class of the same name from another module)" if other else ""
        raise _error(
            source,
            path,
            f"needs the class {kind}, which is not imported{given}" + "".join(f"; {complaint}" for complaint in broken),
            python=f"pass the class, specs=[{name.rpartition('.')[2]}]"
            if module == "__main__" or "<locals>" in name
            else f"import {module} first, pass specs=[{name}], install the package that has it as a plugin, or add "
            f"--plugin {module} on the command line",
            flags="" if module == "__main__" else f"add --plugin {module}, or install the package that has it",
        )
    concrete = isinstance(found, type) and dataclasses.is_dataclass(found) and not inspect.isabstract(found)
    if not (concrete and issubclass(found, room)):
        raise _error(source, path, f"kind is {kind!r}, which is not a concrete dataclass derived from {room.__name__}")
    return found


def _imported(module: str, name: str) -> Any:
    """The object of this name in a module that is imported already, or None."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _error(source: str, path: tuple[str, ...], says: str, **remedies: str) -> UserError:
    where = ".".join(path)
    return UserError(f"{source}: {where}: {says}" if where else f"{source}: {says}", **remedies)
