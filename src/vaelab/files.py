"""Files that are either whole or absent: a kill or a full disk leaves the previous version in place."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vaelab.errors import UserError

# The end of the names of temporary files.
_PART = ".part"
# The number of this project's file formats; it rises when an older version could not read a newer file.
FORMAT = 1


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file by way of a temporary one in its folder: write, fsync, rename, fsync of the folder.

    Several processes can write the same file at once: readers see one of the versions, whole.

    Raises:
        UserError: the file cannot be written, such as on a full disk; the previous version is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    # Each writer has a name of its own, and opening fails if the name exists, so no link that lies there is followed.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError, ValueError):  # a NUL in a path is a ValueError
            temporary.unlink()
        if not isinstance(error, OSError | ValueError):
            raise
        raise UserError(
            f"cannot write {path} ({getattr(error, 'strerror', None) or error}); free or choose another place, the "
            "previous version is intact"
        ) from None


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder, while no other process writes there."""
    for path in folder.glob(f".*{_PART}"):
        with contextlib.suppress(OSError):
            path.unlink()


class CannotLock(UserError):
    """A file cannot be locked, such as in a folder that cannot be written."""


@contextmanager
def locked(path: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Wait until no other process is in the block for this file, to read, change and write it.

    Args:
        path: the file.
        waiting: called once if another process is in the block.

    Raises:
        CannotLock: the lock cannot be made.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
    except (OSError, ValueError) as error:
        raise CannotLock(f"cannot lock {path} ({getattr(error, 'strerror', error)}); choose another place") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether no other process has claimed this file or folder; if so, it is claimed while the block runs.

    The system ends the claim of a process that is killed.

    Raises:
        UserError: the lock cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(claim_of(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    except (OSError, ValueError) as error:
        raise UserError(f"cannot lock {path} ({getattr(error, 'strerror', error)}); choose another place") from None
    try:
        yield True
    finally:
        lock.release()


def claim_of(path: Path) -> Path:
    """The lock file of `claimed`; it stays when a claim ends."""
    return path.with_name(f".{path.name}.claim")


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
        values = parse_json(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; name an existing file") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}); restore it, or delete it") from None
    check_format(values, path)
    return values


def parse_json(text: str) -> Any:
    """The values of a JSON text in which no name is given twice.

    Raises:
        ValueError: it is not such a text.

    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    ValueError: the name 'a' is given twice
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} is given twice")
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
