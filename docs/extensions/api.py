"""One page of reference per room, written from the public names in `vaelab/__init__.pyi` before the site is read."""

from __future__ import annotations

import ast
import importlib
import inspect
import typing
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import vaelab as vl

# Modules beside the rooms go to the page of the room that they serve.
_HOMES = {"measured": "evaluation"} | dict.fromkeys(("distributions", "errors", "sizes", "spec"), "contract")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def rooms() -> dict[str, list[str]]:
    """The public names of each room, in the order of the list."""
    stub = Path(inspect.getfile(vl)).with_suffix(".pyi").read_text()
    found: dict[str, list[str]] = {}
    for statement in ast.parse(stub).body:
        if isinstance(statement, ast.ImportFrom) and statement.module != "_version":
            first = str(statement.module).split(".")[0]
            room = _HOMES.get(first, first)
            found.setdefault(room, []).extend(str(name.asname) for name in statement.names)
    return dict(sorted(found.items()))


def page(room: str, names: list[str]) -> str:
    """The page of a room in reStructuredText."""
    from docstrings import rewritten

    about = inspect.getdoc(importlib.import_module(f"vaelab.{room}")) or ""
    title, *rest = about.split("\n\n")
    heading = room.capitalize()
    lines = [heading, "=" * len(heading), "", *rewritten(title.splitlines()), ""]
    for part in rest:
        if not part.startswith(("To add one", "A new", "|")):
            lines += [*rewritten(part.splitlines()), ""]
    lines += [".. py:currentmodule:: vaelab", ""]
    for name in sorted(names, key=lambda name: (_order(name), names.index(name))):
        lines += [*_entry(name), ""]
    return "\n".join(lines)


def _estimators() -> str:
    """The page of the estimators, whose names are those of `vaelab.sklearn`."""
    from docstrings import rewritten

    import vaelab.sklearn as estimators

    classes = [thing for thing in vars(estimators).values() if inspect.isclass(thing)]
    # The one that the others derive from comes first.
    names = [each.__name__ for each in sorted(classes, key=lambda each: len(each.__mro__))]
    title, *rest = (inspect.getdoc(estimators) or "").split("\n\n")
    lines = ["scikit-learn", "============", "", *rewritten(title.splitlines()), ""]
    for part in rest:
        lines += [*rewritten(part.splitlines()), ""]
    lines += [".. py:module:: vaelab.sklearn", "", ".. py:currentmodule:: vaelab.sklearn", ""]
    for name in names:
        lines += [f".. autoclass:: {name}", "   :members:", ""]
    return "\n".join(lines)


def _order(name: str) -> int:
    """Functions and classes first, then types of fields."""
    return int(name.startswith("Any"))


def _entry(name: str) -> list[str]:
    subject = getattr(vl, name)
    if typing.get_origin(subject) is not None or hasattr(subject, "__metadata__"):
        base = typing.get_args(subject)[0].__name__
        return [f".. py:data:: {name}", "", f"   The type of a field that takes any :py:class:`{base}`."]
    if inspect.isclass(subject):
        inheritance = ["   :show-inheritance:"] if public_bases(subject) else []
        return [f".. autoclass:: {name}", "   :members:", *inheritance]
    if callable(subject):
        return [f".. autofunction:: {name}"]
    listed = [f"   - ``{key}``: {value[0]}" for key, value in subject.items()]
    return [f".. py:data:: {name}", "", "   Experiments by name.", "", *listed]


def public_bases(subject: type) -> list[type]:
    """The nearest base that can be looked up here or in torch's documentation, if there is one."""
    mro = subject.__mro__[1:]
    return [base for base in mro if base.__name__ in vl.__all__ or base.__module__.startswith("torch.")][:1]


def write_if_new(path: Path, text: str) -> None:
    """Write a file unless it has this text already, so that Sphinx need not read it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated/api"
    all_rooms = rooms()
    for room, names in all_rooms.items():
        write_if_new(folder / f"{room}.rst", page(room, names))
    write_if_new(folder / "sklearn.rst", _estimators())
    listed = "\n".join(f"   {room}" for room in sorted([*all_rooms, "sklearn"]))
    write_if_new(folder / "index.rst", _INDEX + listed + "\n")


_INDEX = """Reference
=========

Every public name of :py:mod:`vaelab`, room by room. The same text is what ``help(vaelab.Elbo)`` prints.

.. py:module:: vaelab

.. toctree::
   :maxdepth: 2

"""
