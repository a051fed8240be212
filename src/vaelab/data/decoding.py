"""Decoding of image files: many at once, and to eight bits."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vaelab.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 100_000_000
"""Pixels of the largest image that is decoded unless a user raises it."""

# Images of more pixels than this are decoded one at a time, the others in parallel.
_LARGE = 10_000_000
_ALONE = threading.Lock()

# Bytes of a block of images, and images that a thread is handed at once.
_BLOCK = 1 << 24
_AT_ONCE = 16
# Time below which an image is decoded in one thread, s: mostly that of opening it.
_TINY_SECONDS = 3e-4

Decode = Callable[[str], NDArray[np.uint8]]


@contextmanager
def own_limit() -> Iterator[None]:
    """Turn off Pillow's limit of pixels, which knows no setting of a data set; `room_for` holds ours."""
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def room_for(image: Image.Image, most: int, name: str) -> Iterator[None]:
    """Allow an image to be decoded in the block; large images wait for each other.

    Raises:
        UserError: the image has more than `most` pixels.
    """
    width, height = image.size
    if width * height > most:
        raise UserError(
            f"{name} has {width} x {height} pixels, more than {most:,}",
            python="scale it down, or raise max_pixels",
            flags="scale it down, or raise --max-pixels",
        )
    with _ALONE if width * height > _LARGE else contextlib.nullcontext():
        yield


def decode_blocks(
    decode: Decode, paths: Iterator[str], size: int, rows: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """The images of files by blocks, (B, 3, size, size), with the channels of each: 1 if grey, 3, or 0 if broken.

    Pillow releases the interpreter's lock while it decodes, so all cores work on images that are not tiny. A block
    is overwritten by the next one.

    Args:
        decode: from the path of a file to (size, size, 3); it raises for a file that cannot be decoded.
        paths: the files.
        size: height and width, pixels.
        rows: images per block, fewer if they are large.

    Raises:
        UserError: as `decode`; a file that is refused is not one that is broken.
        MemoryError: there is not enough memory, which says nothing of the image.
    """
    from concurrent.futures import ThreadPoolExecutor

    block = np.empty((max(1, min(rows, _BLOCK // (3 * size * size))), 3, size, size), np.uint8)

    def run(first: int, some: list[str]) -> list[bool]:
        found = []
        for number, path in enumerate(some, first):
            try:
                block[number] = decode(path).transpose(2, 0, 1)
            except (UserError, MemoryError):
                raise
            except Exception:  # Pillow's decoders raise many kinds of errors on a damaged file
                block[number] = 0
                found.append(False)
            else:
                found.append(True)
        return found

    # Damaged files are reported by name; Pillow's own warnings about them would only confuse.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    with own_limit(), ThreadPoolExecutor(os.cpu_count()) as pool:
        while some := list(itertools.islice(paths, len(block))):
            # Threads that mostly run Python stand in each other's way: for tiny images, one is twice as fast as two.
            began = time.perf_counter()
            whole = run(0, some[:_AT_ONCE])
            alone = time.perf_counter() - began < _TINY_SECONDS * len(whole)
            starts = range(len(whole), len(some), _AT_ONCE)
            runs = [some[start : start + _AT_ONCE] for start in starts]
            for found in map(run, starts, runs) if alone else pool.map(run, starts, runs):
                whole += found
            now = block[: len(some)]
            colour = (now[:, 1:] != now[:, :1]).any((1, 2, 3))
            yield now, np.where(np.array(whole), np.where(colour, 3, 1), 0).astype(np.uint8)


def eight_bits(image: Image.Image) -> Image.Image:
    """Any image as 8-bit RGB: 16-bit grey is scaled, transparent pixels become white.

    Raises:
        ValueError: the mode has no known range of values, such as floating point.
    """
    from PIL import Image

    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("integers beyond 16 bits")
        image = Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floating-point pixels")
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")
