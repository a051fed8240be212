"""The image files below a folder, in little memory."""

from __future__ import annotations

import hashlib
import os
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaelab.errors import UserError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})

_ENDS = frozenset(suffix.removeprefix(".") for suffix in SUFFIXES)
# Files whose stamps are put together before they are hashed.
_AT_ONCE = 1000


@dataclass
class Files:
    """Files in order, with a fingerprint of what they are: names, sizes and times, not contents.

    Names are kept as one text per folder: half a million paths as objects would take more memory than a batch of
    images ever does.
    """

    runs: list[tuple[str, str, int]] = field(default_factory=list)
    """A folder, names of files in it, separated by NUL, and the number of the first."""
    count: int = 0
    stamps: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, folder: str, names: list[str]) -> None:
        """Append files of a folder."""
        if not names:
            return
        self.runs.append((folder, "\0".join(names), self.count))
        self.count += len(names)
        for start in range(0, len(names), _AT_ONCE):
            self.stamps.update(_stamps(folder, names[start : start + _AT_ONCE]))
        self.stamps.update(f"{os.path.abspath(folder)}\n".encode(errors="surrogateescape"))

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[str]:
        return self.after(0)

    def after(self, start: int) -> Iterator[str]:
        """The paths from a number on."""
        for folder, names, first in self.runs:
            listed = names.split("\0") if first + names.count("\0") + 1 > start else []
            for name in listed[max(0, start - first) :]:
                yield os.path.join(folder, name)

    def __getitem__(self, number: int) -> str:
        return next(self.after(number))


def _stamps(folder: str, names: list[str]) -> bytes:
    """A line for each file; most of a second start is spent here."""
    lines = []
    # Names in an open folder are found in two thirds of the time of paths.
    opened = _opened(folder) if os.stat in os.supports_dir_fd else None
    place = os.path.join(folder, "") if opened is None else ""
    try:
        for name in names:
            try:
                about = os.stat(place + name, dir_fd=opened)
            except OSError:
                lines.append(f"{name}\0absent\n")
            else:
                # A copy may keep the time of its content, but never that of its change.
                lines.append(f"{name}\0{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}\n")
    finally:
        if opened is not None:
            os.close(opened)
    return "".join(lines).encode(errors="surrogateescape")


def _opened(folder: str) -> int | None:
    try:
        return os.open(folder, os.O_RDONLY)
    except OSError:  # it is absent, and so are its files
        return None


def list_images(files: Files, root: str) -> None:
    """Append the image files below a folder, links followed, each folder once, in the order of their paths' parts.

    Raises:
        UserError: a folder cannot be read, or a name is not UTF-8.
    """
    _walk(files, root, set())


def _walk(files: Files, folder: str, seen: set[str]) -> None:
    place = os.path.realpath(folder)
    if place in seen:
        return
    seen.add(place)
    names, folders = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, _, suffix = entry.name.rpartition(".")
                if stem and suffix.lower() in _ENDS and entry.is_file():
                    names.append(entry.name)
                elif entry.is_dir():
                    folders.append(entry.name)
    except OSError as error:
        raise UserError(
            f"folder {error.filename!r} cannot be read ({error.strerror}); change its permissions or remove it"
        ) from None
    names.sort()
    start = 0
    for name in sorted(folders):
        end = bisect(names, name)
        _add(files, folder, names[start:end])
        _walk(files, os.path.join(folder, name), seen)
        start = end
    _add(files, folder, names[start:])


def _add(files: Files, folder: str, names: list[str]) -> None:
    paths = (os.path.join(folder, name) for name in names)
    if names and not (_is_text("".join(names)) and _is_text(folder)):
        strange = os.fsencode(next(path for path in paths if not _is_text(path)))
        raise UserError(f"the name {strange!r} is not UTF-8, so no record could hold it; rename it")
    files.add(folder, names)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def classes_of(files: Files, roots: Sequence[Path]) -> tuple[NDArray[np.int64], tuple[str, ...], str | None]:
    """The class of each file, the subfolder of a root that holds it, by number; the classes; a file outside of them.

    -1 stands for a file that lies in a root itself.
    """
    found: list[tuple[str | None, int]] = []
    stray = None
    for folder, names, _ in files.runs:
        root = next(root for root in reversed(roots) if Path(folder).is_relative_to(root))
        inside = Path(folder).relative_to(root).parts
        found.append((inside[0] if inside else None, names.count("\0") + 1))
        if not inside and stray is None:
            stray = names.split("\0")[0]
    classes = tuple(sorted({name for name, _ in found if name is not None}))
    numbers = [-1 if name is None else classes.index(name) for name, _ in found]
    return np.repeat(np.array(numbers, np.int64), [count for _, count in found]), classes, stray
