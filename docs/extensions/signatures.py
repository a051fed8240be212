"""Signatures without the bounds that checkers read: `int` for `Annotated[int, Ge(1)]`; and without private bases."""

from __future__ import annotations

import inspect
import typing
from typing import Any

from api import public_bases
from sphinx.application import Sphinx

import vaelab as vl


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    # After the gallery, whose models check their settings by these bounds.
    app.connect("env-before-read-docs", _plain)
    app.connect("autodoc-process-bases", _public)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _plain(app: Sphinx, env: object, names: list[str]) -> None:
    for name in vl.__all__:
        subject = getattr(vl, name)
        for cls in inspect.getmro(subject) if inspect.isclass(subject) else ():
            own = vars(cls).get("__annotations__")
            if own and cls.__module__.startswith("vaelab."):
                try:
                    plain = typing.get_type_hints(cls)
                except NameError:  # a type that is imported for checkers only
                    continue
                cls.__annotations__ = {field: plain.get(field, hint) for field, hint in own.items()}
                if "__init__" in vars(cls):
                    hints = cls.__init__.__annotations__
                    hints.update({field: plain[field] for field in hints if field in plain})


def _public(app: Sphinx, name: str, subject: type, options: object, bases: list[type]) -> None:
    """Bases that can be looked up here; of a private one its own."""
    bases[:] = public_bases(subject)


def _skip(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: object) -> bool | None:
    """Leave out what every spec repeats: its word, and its own way to build a module."""
    if name in ("kind", "python_only", "room", "__init__"):
        return True
    repeated = name == "build" and not getattr(member, "__isabstractmethod__", False)
    return True if repeated else None
