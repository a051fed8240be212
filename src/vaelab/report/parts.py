"""User-defined parts of a run: classes, functions and modules from outside this package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vaelab.experiment import Experiment
from vaelab.spec import Spec, assumed, is_own, spec_hints, tag_of


@dataclass(frozen=True)
class OwnPart:
    """A user-defined part.

    Args:
        room: its position in the experiment, such as `prior` or `objective.beta`.
        name: its class, `package.module:Class`, or its name in the record.
        says: the first line of its docstring; empty for none.
        assumed: the defaults assumed for properties that it does not declare; empty for none.
        module: the module that `--plugin` must import for it; None if no module contains it.
    """

    room: str
    name: str
    says: str = ""
    assumed: str = ""
    module: str | None = None

    @property
    def sentence(self) -> str:
        """A sentence about the part.

        >>> OwnPart("prior", "my.parts:Ring", "A ring in the plane").sentence
        "the prior is the user's own, my.parts:Ring: A ring in the plane."
        """
        says = f": {self.says.rstrip('.')}" if self.says else ", which has no docstring"
        rest = f" {self.assumed}." if self.assumed else ""
        return f"the {self.room} is the user's own, {self.name}{says}.{rest}"


def own_parts(experiment: Experiment) -> tuple[OwnPart, ...]:
    """The user-defined parts of an experiment, in the order of its fields.

    >>> own_parts(Experiment())
    ()
    """
    return tuple(_own_parts(experiment, ""))


def _own_parts(spec: Spec, path: str) -> Iterator[OwnPart]:
    kind = type(spec)
    if not is_own(kind):
        reachable = kind.__module__ != "__main__" and "<locals>" not in kind.__qualname__
        module = kind.__module__ if reachable else None
        yield OwnPart(path, tag_of(kind), first_line(kind), assumed(kind), module)
    elif kind.python_only:
        says = " and ".join(filter(None, (first_line(value) for value in vars(spec).values() if callable(value))))
        yield OwnPart(path, repr(spec), says or first_line(kind))
    for name in spec_hints(kind):
        value: Any = getattr(spec, name)
        # Parts of the model are named without it: prior, not model.prior.
        inner = name if path in ("", "model") else f"{path}.{name}"
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Spec):
                yield from _own_parts(each, inner)


def first_line(thing: Any) -> str:
    """The first line of the docstring of a class, a function or an object's class; empty for none.

    >>> first_line(first_line)[:23]
    'The first line of the d'
    """
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    lines = (named.__doc__ or "").strip().splitlines()
    # A dataclass without a docstring gets its signature as docstring.
    return "" if not lines or lines[0].startswith(f"{named.__name__}(") else lines[0].strip()


def repeatable(experiment: Experiment) -> bool:
    """Whether a command can repeat the run: no part of it exists only as an object in Python."""
    return all(part.module is not None for part in own_parts(experiment))
