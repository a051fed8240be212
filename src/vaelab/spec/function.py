"""Specs given as Python callables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from vaelab.errors import UserError, reason
from vaelab.spec.spec import Spec, qualified_name


@dataclass(frozen=True)
class FunctionSpec(Spec):
    """Base of the specs that wrap a callable, for use in Python; a file holds only its name."""

    name: str
    """`module:function`."""
    function: Callable[..., Any] | None = field(default=None, repr=False, compare=False, metadata={"json": False})
    python_only: ClassVar[bool] = True
    noun: ClassVar[str]
    """What the callable is, for messages."""

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Self:
        """Wrap a callable."""
        return cls(qualified_name(function), function)

    def call(self, *arguments: Any) -> Any:
        """What the callable returns.

        Raises:
            UserError: it fails, or the spec was read from a file.
        """
        if self.function is None:
            raise UserError(f"the {self.noun} {self.name} is a Python function, which files cannot hold; pass it again")
        try:
            return self.function(*arguments)
        except Exception as error:
            raise UserError(f"the {self.noun} {self.name} raises {reason(error)}") from error
