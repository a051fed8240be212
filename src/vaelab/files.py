"""Files that are either whole or absent: a kill or a full disk leaves the previous version in place."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

from vaelab.errors import UserError

# The number of this project's file formats; it rises when an older version could not read a newer file.
FORMAT = 1


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file by way of a temporary one beside it: write, fsync, rename, fsync of the folder.

    Raises:
        UserError: the file cannot be written, such as on a full disk; what was there before is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    # One fixed name a file: what a kill leaves behind is overwritten by the next attempt.
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if not isinstance(error, OSError):
            raise
        raise UserError(
            f"cannot write {path} ({error.strerror}); free or choose another place, what was saved before is intact"
        ) from None


def append_line(path: Path, values: dict[str, Any]) -> None:
    """Append one JSON object as a line.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        with path.open("a") as file:
            file.write(json.dumps({name: _json(value) for name, value in values.items()}) + "\n")
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}); free or choose another place") from None


def read_json(path: Path) -> Any:
    """The values of a JSON file written by this or an older version.

    Raises:
        UserError: the file is absent, is no JSON, or was written by a newer version.
    """
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; name an existing file") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error})") from None
    check_format(values, path)
    return values


def check_format(values: Any, path: Path) -> None:
    """Refuse what a newer version wrote.

    Raises:
        UserError: the values carry a format number above this version's.
    """
    number = values.get("format", FORMAT) if isinstance(values, dict) else FORMAT
    if isinstance(number, int) and number > FORMAT:
        raise UserError(
            f"{path} has format {number}, but this version reads up to {FORMAT}; "
            f"upgrade vaelab (it was written by version {values.get('vaelab', 'unknown')})"
        )


def _json(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _sync_folder(folder: Path) -> None:
    """Make a rename outlast a loss of power, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
