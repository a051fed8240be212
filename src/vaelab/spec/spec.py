"""The base of specs, whose fields are checked when one is made."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from abc import ABC
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

from vaelab import html
from vaelab.errors import UserError, brief

_RULES: dict[type, tuple[str, Callable[[Any, Any], bool]]] = {
    Ge: (">=", lambda value, bound: value >= bound),
    Gt: (">", lambda value, bound: value > bound),
    Le: ("<=", lambda value, bound: value <= bound),
    Lt: ("<", lambda value, bound: value < bound),
}
_ACCEPTS: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,), str: (str,)} | {
    type(None): (type(None),)
}


class Spec(ABC):
    """Base of the frozen dataclasses that hold settings.

    Types and bounds, written as `Annotated[int, Ge(1)]`, are checked however a spec is made: in Python, from flags or
    from JSON. `class PriorSpec(Spec, room=True)` declares a room; specs of a room are tagged in JSON by their `kind`,
    or by `package.module:Class` if they are not this package's own.

    Raises:
        UserError: a field has the wrong type or lies outside its bounds; the message names the field,
            the value and the bound.

    >>> from vaelab import Mixture
    >>> Mixture(components=0)
    Traceback (most recent call last):
    ...
    vaelab.errors.UserError: Mixture.components is 0, but must be >= 1
    """

    kind: ClassVar[str]
    """The word for it in JSON and on the command line."""
    room: ClassVar[type[Spec] | None] = None
    """The abstract class of the room that it belongs to; None for settings that are no choice."""
    python_only: ClassVar[bool] = False
    """It holds objects that flags cannot give, so it is no word on the command line."""
    accepts: ClassVar[str] = ""
    """The simpler values that `coerce` takes, for messages."""
    json_names: ClassVar[Mapping[str, str]] = {}
    """Fields that have another name in JSON."""
    after_colon: ClassVar[str] = ""
    """The field that a text such as `crop:4` gives, where texts name specs; by default the first text field."""

    def __init_subclass__(cls, room: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        if room:
            cls.room = cls
        if "kind" not in vars(cls):
            # StandardNormal is standard-normal; a run of capitals is one word.
            cls.kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """The spec that a simpler value stands for, such as a number for a constant schedule; by default the value."""
        return value

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> type[Spec]:
        """The class that JSON without a kind describes; by default this one."""
        return cls

    def _repr_html_(self) -> str:
        """A table of the fields, for notebooks."""
        return html.fields_table(type(self).__name__, self)

    def __post_init__(self) -> None:
        spec: Any = type(self)
        for name, hint in spec_hints(spec).items():
            value = getattr(self, name)
            checked = _checked(hint, value, f"{type(self).__name__}.{name}")
            if checked is not value:
                object.__setattr__(self, name, checked)


def as_python(value: Any) -> Any:
    """A number of NumPy or torch as Python's; other values unchanged."""
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def _checked(hint: Any, value: Any, where: str) -> Any:
    """The value as the field holds it: a list becomes a tuple, a simple value the spec that it stands for.

    Raises:
        UserError: the value has the wrong type or lies outside its bounds.
    """
    hint, bounds = _bare(hint)
    value = as_python(value)
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        elements = get_args(hint)
        if len(elements) == 2 and elements[1] is Ellipsis:
            elements = elements[:1] * len(value)
        if len(elements) != len(value):
            raise UserError(f"{where} is {brief(value)}, but must have {len(elements)} elements")
        # As JSON gives it, a list: as a tuple the spec stays comparable and hashable.
        return tuple(
            _checked(each, v, f"{where}[{i}]") for i, (each, v) in enumerate(zip(elements, value, strict=True))
        )
    if get_origin(hint) is Literal and value not in get_args(hint):
        raise UserError(f"{where} is {brief(value)}, but must be one of {', '.join(map(str, get_args(hint)))}")
    options = get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) is Union else (hint,)
    for option in options:
        bare, own = _bare(option)
        if is_spec(bare):
            value = bare.coerce(value)
        if own and type(value) in _ACCEPTS.get(bare, ()):
            bounds = [*bounds, *own]
    accepted = [kind for option in options for kind in _accepted(_bare(option)[0])]
    # bool is a subclass of int, but `epochs=True` is a mistake.
    mistaken = isinstance(value, bool) and bool not in accepted
    if accepted and None not in accepted and (not isinstance(value, tuple(accepted)) or mistaken):
        names = ["None" if kind is type(None) else kind.__name__ for kind in accepted]
        simpler = [kind.accepts for kind in accepted if is_spec(kind) and kind.accepts]
        called = isinstance(value, type) and issubclass(value, tuple(accepted))
        remedy = f"; give an instance, {value.__name__}()" if called else ""
        raise UserError(f"{where} is {brief(value)}, but must be of type {' or '.join([*names, *simpler])}{remedy}")
    if isinstance(value, Spec):
        _check_dataclass(type(value), where)
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where} is {value}, but must be finite")
    for bound in bounds:
        sign, holds = _RULES[type(bound)]
        limit = getattr(bound, type(bound).__name__.lower())
        if not holds(value, limit):
            raise UserError(f"{where} is {value!r}, but must be {sign} {limit}")
    return value


def _check_dataclass(spec: Any, where: str) -> None:
    """Check that the class of a spec is a frozen dataclass, which can be recorded and compared."""
    settings = getattr(spec, "__dataclass_params__", None)
    if settings is None or not settings.frozen:
        raise UserError(
            f"{where} is a {spec.__name__}, which is no frozen dataclass; decorate the class with "
            "@dataclass(frozen=True)"
        )


def _bare(hint: Any) -> tuple[Any, list[Any]]:
    """A type without its annotations, and those of them that are bounds."""
    if get_origin(hint) is not Annotated:
        return hint, []
    inner, *extras = get_args(hint)
    return inner, [extra for extra in extras if type(extra) in _RULES]


def _accepted(hint: Any) -> tuple[Any, ...]:
    """The classes whose instances a field of this type takes; (None,) if anything is taken."""
    if hint in _ACCEPTS:
        return _ACCEPTS[hint]
    if get_origin(hint) is tuple:
        return (tuple,)
    return (hint,) if is_spec(hint) else (None,)


def is_spec(hint: Any) -> bool:
    """Whether a type is a class of specs."""
    return isinstance(hint, type) and issubclass(hint, Spec)


@functools.cache
def spec_hints(spec: Any) -> dict[str, Any]:
    """The type of each field of a spec, with its annotations."""
    hints = get_type_hints(spec, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(spec)}


def is_own(spec: type) -> bool:
    """Whether a spec class is one of this package's own."""
    return spec.__module__.partition(".")[0] == "vaelab"


def tag_of(spec: type[Spec]) -> str:
    """The name of a spec class in JSON: its kind, or `package.module:Class` if it is not this package's own."""
    return spec.kind if is_own(spec) else qualified_name(spec)


def classes_in(spec: Spec) -> list[type[Spec]]:
    """The spec classes that a composition is made of."""
    found = [type(spec)]
    for name in spec_hints(type(spec)):
        value = getattr(spec, name)
        for each in value if isinstance(value, tuple) else (value,):
            found += classes_in(each) if isinstance(each, Spec) else []
    return found


def assumed(spec: type[Spec]) -> str:
    """What a foreign spec class does not say of itself, and is assumed: its room's defaults; empty for our own.

    >>> from vaelab import StandardNormal
    >>> assumed(StandardNormal)
    ''
    """
    room: Any = spec.room
    if is_own(spec) or room is None:
        return ""
    traits = [name for name in get_type_hints(room) if name not in vars(Spec) and name in vars(room)]
    silent = [name for name in traits if getattr(spec, name) == getattr(room, name) and name not in vars(spec)]
    values = ", ".join(f"{name} = {_plain(getattr(room, name))}" for name in silent)
    return f"{spec.__name__} does not say, so it is assumed: {values}" if silent else ""


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) or "none" if isinstance(value, frozenset) else value


def qualified_name(thing: Any) -> str:
    """The name by which a file knows a function, a class or an object's class: `module:name`.

    >>> qualified_name(re.compile)
    're:compile'
    >>> qualified_name(functools.partial(re.compile, flags=0))
    're:compile(flags=0)'
    """
    if isinstance(thing, functools.partial):
        given = [*map(brief, thing.args), *(f"{key}={brief(value)}" for key, value in thing.keywords.items())]
        return f"{qualified_name(thing.func)}({', '.join(given)})"
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}:{named.__qualname__}"
