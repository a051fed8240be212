"""Decoding of image files: many at once, and to eight bits."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vaelab.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 100_000_000
"""Pixels of the largest image that is decoded unless a user raises it."""

# Images of more pixels than this are decoded one at a time, the others in parallel.
_LARGE = 10_000_000
_ALONE = threading.Lock()

T = TypeVar("T")
R = TypeVar("R")


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


def in_threads(decode: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`decode` of each item, in order. Pillow releases the interpreter's lock while it decodes, so all cores work.

    >>> in_threads(len, ["a", "bc"])
    [1, 2]
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(decode, items))


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
    return image.convert("RGB")
