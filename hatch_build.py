"""The build backend: hatchling, which also builds the explorer's page into wheels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling import build as hatchling
from hatchling.build import *  # noqa: F403
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "explorer"))
import build_page


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """With a Node from PyPI if the page must be built and the system has none.

    A build hook can name requirements too, but hatchling asks it for those of an editable installation as well, which
    needs no page.
    """
    return [*hatchling.get_requires_for_build_wheel(config_settings), *build_page.requirements()]


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the page and adds it to a wheel. A checkout that is installed as editable gets it from `make`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files."""
        if version == "editable":
            return
        try:
            build_page.build()
        except build_page.NotBuiltError as error:
            self.app.abort(f"The explorer's page cannot be built into the wheel: {error}.")
        build_data["artifacts"].append("/src/vaelab/explorer/built/page.html")
