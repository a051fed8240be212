"""The folder of data sets on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from vaelab.errors import UserError


def data_directory(chosen: Path | None = None) -> Path:
    """The folder that holds data sets, one subfolder per set.

    The first of: the folder given (`--data-dir`), the environment variable VAELAB_DATA, the user's cache folder.

    Raises:
        UserError: the folder given or VAELAB_DATA does not exist.
    """
    named = chosen or (Path(os.environ["VAELAB_DATA"]) if os.environ.get("VAELAB_DATA") else None)
    if named is None:
        import pooch

        return Path(pooch.os_cache("vaelab"))
    if not named.is_dir():
        problem = f"{'the folder of data sets' if chosen else 'VAELAB_DATA'} is {str(named)!r}, which is not a folder"
        raise UserError(
            problem,
            python="create it or give another",
            flags="create it or name another with --data-dir",
        )
    return named
