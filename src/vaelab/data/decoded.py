"""Images that are decoded once, into a file of the cache that later starts and other processes map."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.cache import cache_directory, evict, largest_cache
from vaelab.data.decoding import Decode, decode_blocks
from vaelab.data.listing import Files
from vaelab.data.mapped import copied, mapped, sha256_of
from vaelab.errors import UserError, reason
from vaelab.files import FORMAT, CannotLock, locked, read_json, write_atomically

# Images that take at most this many bytes are read from the cache into memory; more stay in its file.
RESIDENT = 64_000_000
# Images that take at most this many bytes are decoded in memory where the cache cannot be written.
SMALL = 256_000_000
# An entry of the cache: all pixels in their final order and what they are; before that, pixels in the order of the
# files, and the channels of each image that was decoded, 1 or 3, with 0 for one that cannot be decoded.
_PIXELS, _ABOUT, _UNORDERED, _CHANNELS = "pixels", "about.json", "unordered", "channels"
# Longest time between two points that a killed process goes on from, s.
_SAVE_SECONDS = 5.0
_ROWS = 1024

Order = Callable[[NDArray[np.int64]], NDArray[np.int64]]


@dataclass(frozen=True)
class Decoded:
    """Decoded images and the files that they come from.

    Args:
        images: uint8, (N, C, H, W), in a file of the cache unless it could not be written.
        rows: int64, (N,), the number of each image's file.
        broken: the numbers of the files that cannot be decoded.
    """

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]
    broken: tuple[int, ...]


@dataclass(frozen=True)
class Decoding:
    """What is decoded, and how.

    Args:
        title: the name of the data in messages.
        files: the images.
        size: height and width of each decoded image, pixels.
        decode: from the path of a file to (size, size, 3); it raises for a file that cannot be decoded.
        settings: text in which everything stands that `decode` and `order` depend on.
        order: from the numbers of the files that were decoded to the order of the images.
        grey: keep one channel if all images are grey.
    """

    title: str
    files: Files
    size: int
    decode: Decode
    settings: str
    order: Order
    grey: bool

    @property
    def entry(self) -> Path:
        """The folder in the cache, which other settings or files that changed never share."""
        from PIL import __version__ as pillow

        about = f"{FORMAT} {pillow} {self.settings} {self.size} {self.grey} {self.files.fingerprint()}"
        return cache_directory() / "images" / hashlib.sha256(about.encode()).hexdigest()[:32]

    @property
    def row(self) -> int:
        """Bytes of an image in three channels."""
        return 3 * self.size * self.size

    def images(self) -> Decoded:
        """The images, from the cache if they are there; otherwise they are decoded, which a later start goes on with.

        A damaged file of the cache is found by its sha256, and decoded anew with a warning; one that nothing has
        written to since is opened at once, and its sha256 compared when somebody asks for it, as each training does. Of
        two processes one decodes, and the other waits for it.

        Raises:
            UserError: the cache cannot hold the images, or as `decode`.
        """
        entry, largest = self.entry, largest_cache()
        if (found := self._opened(entry)) is not None:
            return found
        try:
            with locked(entry, lambda: warnings.warn(f"another process decodes {self.title}; waiting", stacklevel=2)):
                found = self._opened(entry, warn=False) or self._made(entry)
        except (OSError, CannotLock) as error:
            return self._in_memory(error)
        evict(entry.parent, entry, largest)
        return found

    def _opened(self, entry: Path, warn: bool = True) -> Decoded | None:
        """The images of an entry; None if it is not whole."""
        if not (entry / _ABOUT).exists():
            return None
        try:
            about = read_json(entry / _ABOUT)
            images, broken = mapped(entry / _PIXELS, tuple(about["shape"])), tuple(about["broken"])
            if about.get("stamp") != (stamp := _stamp(entry / _PIXELS)):
                if sha256_of(images).hexdigest() != about["sha256"]:
                    raise ValueError("its sha256 differs")
                with contextlib.suppress(UserError):  # the cache may be one that cannot be written
                    write_atomically(entry / _ABOUT, json.dumps(about | {"stamp": stamp}) + "\n")
            damaged = f"the decoded images of {self.title} are damaged; delete {entry}, and they are decoded anew"
            images.recorded = about["sha256"], damaged
        except (UserError, OSError, ValueError, TypeError, KeyError) as error:
            if warn:
                why = str(error) if isinstance(error, UserError | ValueError) else reason(error)
                warnings.warn(f"the decoded images of {self.title} in {entry} are damaged ({why})", stacklevel=3)
            return None
        if any(self._can_decode(number) for number in broken):  # its trouble was a passing one
            return None
        with contextlib.suppress(OSError):
            os.utime(entry)
        whole = np.ones(len(self.files), bool)
        whole[list(broken)] = False
        return Decoded(_resident(images), self.order(np.flatnonzero(whole)), broken)

    def _can_decode(self, number: int) -> bool:
        try:
            self.decode(self.files[number])
        except Exception:
            return False
        return True

    def _made(self, entry: Path) -> Decoded:
        """Decode what is not decoded yet, and bring it in order.

        Raises:
            OSError: a file cannot be written; what was decoded is kept.
            UserError: as `decode`.
        """
        entry.mkdir(exist_ok=True)
        for name in (_ABOUT, _PIXELS):
            (entry / name).unlink(missing_ok=True)
        channels = self._decoded_into(entry)
        good = np.flatnonzero(channels)
        order, broken = self.order(good) if len(good) else good, np.flatnonzero(channels == 0).tolist()
        kept = self._kept_channels(channels)
        shape = (len(order), kept, self.size, self.size)
        if not len(good):
            shutil.rmtree(entry, ignore_errors=True)
            return Decoded(np.empty(shape, np.uint8), good, tuple(broken))
        unordered = mapped(entry / _UNORDERED, (len(channels), 3, self.size, self.size))
        if kept == 3 and np.array_equal(order, np.arange(len(channels))):
            digest = sha256_of(unordered).hexdigest()
            os.replace(entry / _UNORDERED, entry / _PIXELS)
        else:
            part = entry / f"{_PIXELS}.part"
            try:
                with part.open("wb") as file:
                    for start in range(0, len(order), _ROWS):
                        file.write(copied(unordered, order[start : start + _ROWS])[:, :kept].tobytes())
                    file.flush()
                    os.fsync(file.fileno())
                digest = sha256_of(mapped(part, shape)).hexdigest()
                os.replace(part, entry / _PIXELS)
            finally:
                part.unlink(missing_ok=True)
        about = {"format": FORMAT, "of": self.title, "shape": shape, "broken": broken, "sha256": digest}
        about["stamp"] = _stamp(entry / _PIXELS)
        write_atomically(entry / _ABOUT, json.dumps(about) + "\n")
        for name in (_UNORDERED, _CHANNELS):
            (entry / name).unlink(missing_ok=True)
        return Decoded(_resident(mapped(entry / _PIXELS, shape)), order, tuple(broken))

    def _kept_channels(self, channels: NDArray[np.uint8]) -> int:
        return 1 if self.grey and not (channels == 3).any() else 3

    def _decoded_into(self, entry: Path) -> NDArray[np.uint8]:
        """Decode the files that no earlier process has; return the channels of each image."""
        pixels, states = entry / _UNORDERED, entry / _CHANNELS
        for path in (pixels, states):
            path.touch()
        done = min(pixels.stat().st_size // self.row, states.stat().st_size)
        os.truncate(pixels, done * self.row)
        os.truncate(states, done)
        needed = (len(self.files) - done) * self.row
        if shutil.disk_usage(entry).free < needed:
            raise OSError(0, f"{needed / 1e9:.2g} GB are needed")
        with pixels.open("ab") as file, states.open("ab", buffering=0) as record:
            pending, saved = bytearray(), time.monotonic()
            try:
                for block, channels in decode_blocks(self.decode, self.files.after(done), self.size, _ROWS):
                    file.write(block.data)
                    pending += channels.tobytes()
                    if time.monotonic() - saved > _SAVE_SECONDS:
                        _save(file, record, pending)
                        saved = time.monotonic()
            finally:
                _save(file, record, pending)
        return np.fromfile(states, np.uint8)

    def _in_memory(self, error: Exception) -> Decoded:
        """The images without the cache, if there are few enough.

        Raises:
            UserError: there are too many, or as `decode`.
        """
        size, folder = len(self.files) * self.row, cache_directory()
        why = error.strerror if isinstance(error, OSError) else str(error)
        if size > SMALL:
            raise UserError(
                f"the cache {str(folder)!r} cannot hold the decoded images of {self.title}, {size / 1e9:.2g} GB "
                f"({why}); free space there, or name another folder by VAELAB_CACHE; what is decoded already is kept"
            ) from None
        warnings.warn(
            f"the decoded images of {self.title} are not kept in the cache {str(folder)!r}: {why}", stacklevel=4
        )
        parts = [(block.copy(), c) for block, c in decode_blocks(self.decode, self.files.after(0), self.size, _ROWS)]
        channels = np.concatenate([c for _, c in parts])
        good = np.flatnonzero(channels)
        order = self.order(good) if len(good) else good
        images = np.concatenate([block for block, _ in parts])[order][:, : self._kept_channels(channels)]
        return Decoded(np.ascontiguousarray(images), order, tuple(np.flatnonzero(channels == 0).tolist()))


def _resident(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The images in memory, if they are few."""
    return copied(images, slice(None)) if images.nbytes <= RESIDENT else images


def _stamp(path: Path) -> list[int]:
    """What changes whenever a file is written to or replaced; the time of its change cannot be set."""
    about = path.stat()
    return [about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns]


def _save(file: Any, record: Any, pending: bytearray) -> None:
    """Say that images are decoded once their pixels are on the disk, so that a loss of power leaves no gap."""
    file.flush()
    os.fsync(file.fileno())
    record.write(pending)
    pending.clear()
