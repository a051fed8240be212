"""What every setting of an experiment has in common: fields that are checked when it is made."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

import tyro
from annotated_types import Ge, Gt, Le, Lt

from vaelab.errors import UserError

# A tag is stored in JSON and hidden on the command line, where the subcommand's name says the same.
T = TypeVar("T")
Tag = Annotated[T, tyro.conf.Suppress]

_RULES: dict[type, tuple[str, Callable[[Any, Any], bool]]] = {
    Ge: (">=", lambda value, bound: value >= bound),
    Gt: (">", lambda value, bound: value > bound),
    Le: ("<=", lambda value, bound: value <= bound),
    Lt: ("<", lambda value, bound: value < bound),
}
_ACCEPTS: dict[type, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}


class Piece:
    """Base of the frozen dataclasses that a model, an objective and a run are composed of.

    Bounds written as `Annotated[int, Ge(1)]` hold however a piece is made: in Python, from flags or
    from JSON.

    Raises:
        UserError: a field has the wrong type or lies outside its bounds; the message names the field,
            the value and the bound.

    >>> from vaelab import Mixture
    >>> Mixture(components=0)
    Traceback (most recent call last):
    ...
    vaelab.errors.UserError: Mixture.components is 0, but must be >= 1
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        piece: Any = type(self)
        for name, (accepted, choices, bounds) in _constraints(piece).items():
            value = getattr(self, name)
            where = f"{type(self).__name__}.{name} is {value!r}"
            if accepted == (tuple,) and isinstance(value, list):
                # As JSON gives it; the piece stays comparable and hashable.
                object.__setattr__(self, name, tuple(value))
                continue
            if choices and value not in choices:
                raise UserError(f"{where}, but must be one of {', '.join(map(str, choices))}")
            # bool is a subclass of int, but `epochs=True` is a mistake.
            if accepted and (not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted)):
                raise UserError(f"{where}, but must be of type {' or '.join(kind.__name__ for kind in accepted)}")
            for bound in bounds:
                sign, holds = _RULES[type(bound)]
                limit = getattr(bound, type(bound).__name__.lower())
                if not holds(value, limit):
                    raise UserError(f"{where}, but must be {sign} {limit}")


@functools.cache
def _constraints(piece: Any) -> dict[str, tuple[tuple[type, ...], tuple[Any, ...], list[Any]]]:
    """The accepted types, the choices and the bounds of each field, read once from the type hints."""
    hints = get_type_hints(piece, include_extras=True)
    found = {}
    for field in dataclasses.fields(piece):
        hint, bounds = hints[field.name], []
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            bounds = [extra for extra in extras if type(extra) in _RULES]
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        found[field.name] = (_accepted(hint), choices, bounds)
    return found


def _accepted(hint: Any) -> tuple[type, ...]:
    """The types that a field of this hint takes; empty where anything may stand."""
    if hint in _ACCEPTS:
        return _ACCEPTS[hint]
    if get_origin(hint) is tuple:
        return (tuple,)
    members = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    pieces = all(isinstance(member, type) and issubclass(member, Piece) for member in members)
    return tuple(members) if pieces else ()
