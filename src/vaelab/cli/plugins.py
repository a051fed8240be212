"""Modules that bring parts: those named by `--plugin` and those that are installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vaelab.cli.dispatch import take_flag
from vaelab.plugins import load_entry_points, load_plugin


def load_plugins(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Import the modules that `--plugin` names, and the installed plugins if a command follows.

    An installed plugin that cannot be imported is named on standard error, since it must not disable every command.

    Returns:
        The words of `--plugin`, and the words without them.

    Raises:
        UserError: a module that `--plugin` names cannot be imported.
    """
    modules, rest = take_flag(words, "--plugin")
    for module in modules:
        load_plugin(module)
    if rest and not rest[0].startswith("-"):
        for complaint in load_entry_points():
            print(f"vaelab: {complaint}", file=sys.stderr)
    return [word for module in modules for word in ("--plugin", module)], rest
