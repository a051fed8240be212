"""Rooms: which specs there are, and how a field takes their words on the command line."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Union, get_type_hints

import tyro

from vaelab.spec.spec import Spec, is_own, is_spec, tag_of


def members(room: type[Spec], own: bool = False) -> list[type[Spec]]:
    """Every concrete spec class of a room that is imported, or only this package's own, in the order of definition.

    >>> from vaelab.schedules import ScheduleSpec
    >>> [spec.kind for spec in members(ScheduleSpec, own=True) if not spec.python_only]
    ['constant', 'linear', 'cyclical', 'cosine']
    """
    found: list[type[Spec]] = []
    for spec in room.__subclasses__():
        # Only what is a dataclass by itself, and can be made, is a choice.
        if "__dataclass_params__" in vars(spec) and not inspect.isabstract(spec):
            found.append(spec)
        found += members(spec)
    ordered = sorted(found, key=lambda spec: not is_own(spec))
    return [spec for spec in ordered if is_own(spec) or not own]


@dataclasses.dataclass(frozen=True)
class Only:
    """An annotation: of the words of a room, a field takes those of which this holds.

    Args:
        holds: whether a field takes a spec class.
    """

    holds: Callable[[Any], bool]


def words(room: type[Spec], only: Only | None = None) -> dict[str, type[Spec]]:
    """The specs of a room by their words on the command line; a foreign spec never takes a word of our own."""
    named: dict[str, type[Spec]] = {}
    for spec in members(room):
        if not spec.python_only and "<locals>" not in spec.__qualname__ and (only is None or only.holds(spec)):
            named[spec.kind if spec.kind not in named else tag_of(spec)] = spec
    return named


@dataclasses.dataclass(frozen=True)
class Prefix:
    """An annotation: what stands before the words of a field whose flags have no prefix.

    Args:
        text: such as `optimiser:`.
    """

    text: str


def any_of(room: type[Spec], only: Only | None = None, prefix: Prefix | None = None) -> Any:
    """The annotation by which a field takes the words of a room on the command line, or only some of them."""
    before = "" if prefix is None else prefix.text

    def union() -> Any:
        known = words(room, only)
        for spec in known.values():
            _name_choices(spec)
        choices = [Annotated[spec, tyro.conf.subcommand(name=before + word)] for word, spec in known.items()]
        return Union[tuple(choices)]  # noqa: UP007  # a union of a list has no other form

    return tyro.conf.arg(constructor_factory=union)


def _name_choices(spec: type[Spec]) -> None:
    """Let the fields of a foreign spec that are annotated with a room, such as `PriorSpec`, be chosen by words.

    tyro reads the annotations of a class, so they are what has to change.
    """
    for base in spec.__mro__:
        if issubclass(base, Spec) and not is_own(base):
            for name, hint in get_type_hints(base, include_extras=True).items():
                if name in vars(base).get("__annotations__", {}) and is_spec(hint) and hint.room is hint:
                    base.__annotations__[name] = Annotated[hint, any_of(hint)]
