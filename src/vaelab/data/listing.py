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

from vaelab.data.stamps import stamps
from vaelab.errors import UserError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})

_ENDS = frozenset(suffix.removeprefix(".") for suffix in SUFFIXES)
# Files of a part, whose stamps are asked for together.
_AT_ONCE = 1000


@dataclass
class Files:
    """Files in order.

    Names are kept as one text per folder: half a million paths as objects would take more memory than a batch of
    images ever does.
    """

    runs: list[tuple[str, str, int]] = field(default_factory=list)
    """A folder, names of files in it, separated by NUL, and the number of the first."""
    count: int = 0

    def add(self, folder: str, names: list[str]) -> None:
        """Append files of a folder."""
        if not names:
            return
        self.runs.append((folder, "\0".join(names), self.count))
        self.count += len(names)

    def fingerprint(self) -> str:
        """A digest of names, sizes and times, which changes whenever a file does."""
        parts = []
        for folder, text, _ in self.runs:
            names, place = text.split("\0"), os.path.abspath(folder)
            parts += [
                os.fsencode("\0".join([place, *names[start : start + _AT_ONCE]]))
                for start in range(0, len(names), _AT_ONCE)
            ]
        return hashlib.sha256(stamps(parts)).hexdigest()

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
                name = entry.name
                stem, _, suffix = name.rpartition(".")
                if suffix.lower() in _ENDS and stem and entry.is_file():
                    names.append(name)
                elif entry.is_dir():
                    folders.append(name)
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
