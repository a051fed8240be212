"""Plugins: modules and installed packages that bring specs of their own."""

from __future__ import annotations

import functools
import importlib
import sys

from vaelab.errors import UserError

GROUP = "vaelab.specs"
"""The entry-point group of packages that bring specs."""


@functools.cache
def load_entry_points() -> tuple[str, ...]:
    """Import the packages that are installed with an entry point of the group `vaelab.specs`.

    Returns:
        A sentence for each of them that cannot be imported.
    """
    import importlib.metadata

    broken = []
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            broken.append(
                f"the plugin {point.name!r} ({point.value}) cannot be imported ({type(error).__name__}: {error}); "
                "repair or uninstall it"
            )
    return tuple(broken)


def load_plugin(module: str) -> None:
    """Import a module that brings specs, by a name that the user gave.

    Raises:
        UserError: it cannot be imported.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        importlib.import_module(module)
    except Exception as error:
        raise UserError(
            f"plugin is {module!r}, which cannot be imported ({type(error).__name__}: {error}); name a module that "
            "Python finds from here"
        ) from None
