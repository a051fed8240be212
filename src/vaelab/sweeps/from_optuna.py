"""What samplers and pruners share: a text names one, and an object of Optuna stands for itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from vaelab.named import parse_named
from vaelab.spec import Spec, members, qualified_name


class OptunaSpec(Spec):
    """Base of the rooms whose parts are built as objects of Optuna. One part of each room is a `Wrapped`."""

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """The part that a text names, or a wrapped object of Optuna; other values unchanged."""
        assert cls.room is not None
        wrapper: Any = next(spec for spec in members(cls.room, own=True) if issubclass(spec, Wrapped))
        if isinstance(value, str):
            return parse_named(cls.room, value, wrapper.noun)
        return wrapper(qualified_name(value), value) if hasattr(value, wrapper.method) else value


@dataclass(frozen=True)
class Wrapped(Spec):
    """Base of the parts that hold any object of Optuna, for use in Python."""

    noun: ClassVar[str]
    """What it is called in messages."""
    method: ClassVar[str]
    """The method that tells such an object of Optuna from other values."""
    name: str
    """`module:class`."""
    wrapped: Any = field(default=None, repr=False, compare=False, metadata={"json": False})
    python_only: ClassVar[bool] = True

    def build(self, *given: Any, **named: Any) -> Any:
        """The object itself."""
        return self.wrapped
