"""The modules that specs build, checked to be what the contract says."""

from __future__ import annotations

from typing import Any

from torch import nn

from vaelab.errors import UserError, reason
from vaelab.spec import is_own


def built(spec: Any, base: type[nn.Module], *arguments: Any, method: str = "build") -> Any:
    """Build the module of a spec, by its `build` or the method named.

    Raises:
        UserError: a foreign `build` fails, or the module is not an instance of `base` or lacks its attributes.
    """
    name = f"{type(spec).__name__}.build"
    try:
        module = getattr(spec, method)(*arguments)
    except Exception as error:
        if isinstance(error, UserError) or is_own(type(spec)):
            raise
        raise UserError(f"{name} raises {reason(error)}; it is called with {len(arguments)} arguments") from error
    if not isinstance(module, base):
        raise UserError(f"{name} returned {type(module).__name__}, but must return a vaelab.{base.__name__}")
    for attribute in vars(base).get("__annotations__", {}):
        if not hasattr(module, attribute):
            raise UserError(f"{name} returned {type(module).__name__}, which has no {attribute}; set it in __init__")
    return module
