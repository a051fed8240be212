"""The cache folder: what can be computed again, kept up to a size."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from vaelab.environment import number

_GB = 10**9
_LARGEST = 50.0


def cache_directory() -> Path:
    """The folder of what can be computed again: VAELAB_CACHE, or the user's cache folder."""
    named = os.environ.get("VAELAB_CACHE")
    if named:
        return Path(named)
    import pooch

    return Path(pooch.os_cache("vaelab"))


def largest_cache() -> float:
    """Bytes that the decoded images in the cache may take: VAELAB_CACHE_GB, by default 50 GB.

    Raises:
        UserError: VAELAB_CACHE_GB is no number of gigabytes.
    """
    return number("VAELAB_CACHE_GB", _LARGEST, "gigabytes", lambda gigabytes: gigabytes >= 0) * _GB


def evict(folder: Path, keep: Path, largest: float) -> None:
    """Remove the entries of a folder that were used least recently, until all take at most `largest` bytes.

    An entry is a subfolder, and was used when its own time says so. One that is being written is left, and a process
    that has mapped the file of a removed one still reads it.

    Args:
        folder: the folder of entries.
        keep: the entry that is needed now. It is never removed, even if it alone takes more than `largest`.
        largest: bytes.
    """
    from filelock import FileLock, Timeout

    entries = [(_bytes(entry), entry) for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    total = sum(size for size, _ in entries)
    for size, entry in sorted(entries, key=lambda each: _used(each[1])):
        if total <= largest:
            return
        if entry != keep:
            with contextlib.suppress(Timeout, OSError), FileLock(lock_of(entry)).acquire(timeout=0):
                shutil.rmtree(entry)
                total -= size


def lock_of(entry: Path) -> Path:
    """The file that is locked while an entry is written; the name is that of `vaelab.files.locked`."""
    return entry.with_name(f".{entry.name}.lock")


def _bytes(entry: Path) -> int:
    total = 0
    for file in entry.iterdir():
        with contextlib.suppress(OSError):
            total += file.stat().st_size
    return total


def _used(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0
