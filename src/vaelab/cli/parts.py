"""`vaelab parts`: the parts that models, objectives and experiments are made of."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, get_origin, get_type_hints

import tyro

from vaelab.cli.command import Command
from vaelab.cli.flags import default_text, field_docs
from vaelab.cli.help import WIDTH, first_line, sentence, shortened
from vaelab.data import AugmentationSpec, SourceSpec
from vaelab.errors import UserError, did_you_mean
from vaelab.named import name_of
from vaelab.spec import Spec, assumed, is_own, words
from vaelab.trackers import TrackerSpec


@dataclass(frozen=True, kw_only=True)
class Parts(Command):
    """List the parts that a model is made of, with their fields and defaults.

    Without ROOM, one line per part of every room; with it, the fields of that room's parts, their defaults, and for
    parts of plugins the module that they come from.
    """

    room: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="[ROOM]")] = ""
    """network, posterior, prior, likelihood, objective, schedule, tracker, ..."""

    @classmethod
    def values(cls) -> tuple[str, ...]:
        """The rooms."""
        return tuple(all_rooms())

    def run(self) -> None:
        """Print the list.

        Raises:
            UserError: there is no such room.
        """
        rooms = all_rooms()
        if not self.room:
            print("\n\n".join("\n".join(short_list(name, room)) for name, room in rooms.items()))
            print("\n`vaelab parts ROOM` lists the fields of each part.")
            return
        # `vaelab parts priors` is meant as well.
        name = next((name for name in rooms if self.room.lower() in (name, f"{name}s")), "")
        if not name:
            raise UserError(
                f"room is {self.room!r}, but must be one of {', '.join(rooms)}{did_you_mean(self.room, rooms)}"
            )
        print("\n\n".join("\n".join(full_entry(word, spec)) for word, spec in words(rooms[name]).items()))


def all_rooms() -> dict[str, type[Spec]]:
    """Every room by the field that takes it on the command line."""
    import vaelab.experiment  # its fields name every room of an experiment, so these are imported
    import vaelab.sweeps  # noqa: F401

    def below(cls: type[Spec]) -> Iterator[type[Spec]]:
        for sub in cls.__subclasses__():
            if sub.room is sub:
                yield sub
            yield from below(sub)

    named = {room.__name__.removesuffix("Spec").lower(): room for room in below(Spec) if is_own(room)}
    return {("data" if room is SourceSpec else name): room for name, room in named.items()}


def spelled(word: str, spec: type[Spec]) -> str:
    """The word of a part, with the argument of an augmentation, a source or a tracker."""
    return name_of(spec) if issubclass(spec, AugmentationSpec | SourceSpec | TrackerSpec) else word


def short_list(name: str, room: type[Spec]) -> list[str]:
    """A line per part of a room."""
    known = {spelled(word, spec): spec for word, spec in words(room).items()}
    width = max(map(len, known), default=0)
    lines = [f"  {word:<{width}}  {shortened(first_line(spec), WIDTH - width - 4)}" for word, spec in known.items()]
    return [f"{name}:", *lines]


def full_entry(word: str, spec: type[Spec]) -> list[str]:
    """A part: its word, its docstring's first line, its fields with defaults, its origin and its traits."""
    title = (spec.__doc__ or "").strip().split("\n")[0]
    lines = [spelled(word, spec), *textwrap.wrap(title, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    if not is_own(spec):
        lines.append(f"  from {spec.__module__}, class {spec.__qualname__}")
    docs = field_docs(spec)
    for field in dataclasses.fields(spec):  # type: ignore[arg-type]  # every concrete spec is a dataclass
        value = _default(field)
        start = f"    {field.name}" + (f" = {value}" if value else "")
        said = sentence(docs.get(field.name, ""))
        lines += textwrap.wrap(f"{start}: {said}" if said else start, WIDTH, subsequent_indent=" " * 8)
    lines += textwrap.wrap(traits(spec), WIDTH, initial_indent="  ", subsequent_indent="  ")
    lines += textwrap.wrap(assumed(spec), WIDTH, initial_indent="  ", subsequent_indent="  ")
    return lines


def traits(spec: type[Spec]) -> str:
    """The properties that a room asks of its parts, such as `discrete`, as this part has them."""
    room: Any = spec.room
    hints = get_type_hints(room, include_extras=True)
    names = [name for name, hint in hints.items() if get_origin(hint) is ClassVar and name in vars(room)]
    return "; ".join(f"{name}: {_value(getattr(spec, name))}" for name in names if name not in Spec.__annotations__)


def _value(value: Any) -> str:
    if isinstance(value, property):
        return "depends on its fields"
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value))) or "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default
    if isinstance(value, Spec):
        return value.kind
    return default_text(value) or ("none" if value is None else "")
