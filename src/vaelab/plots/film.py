"""An animated GIF whose frames are figures."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from vaelab.errors import UserError
from vaelab.files import write_atomically
from vaelab.plots.style import styled

# Greys among the 256 colours of the palette; images, text and background need no more.
_GREYS = 40


def write_film(path: Path, figures: Iterable[Figure], seconds: float = 0.3, hold: float = 2.0) -> None:
    """Write figures as the frames of a looping GIF.

    All frames share one palette, so that colours do not flicker. `figures` may be a generator: each figure is rendered
    when it is yielded, and only its pixels are kept.

    Args:
        path: the file; its suffix is .gif.
        figures: the frames, all of the same size.
        seconds: duration of each frame.
        hold: additional duration of the last frame, seconds.

    Raises:
        UserError: there are no frames, their sizes differ, a duration is too short, the suffix is not .gif, or the
            file cannot be written.
    """
    if path.suffix.lower() != ".gif":
        raise UserError(f"film {path} has the suffix {path.suffix!r}; end its name in .gif")
    # Players slow down frames that are shorter than 0.02 seconds.
    if not seconds >= 0.02 or not hold >= 0:
        raise UserError(f"seconds is {seconds} and hold is {hold}; give at least 0.02 seconds per frame and hold >= 0")
    frames = [_draw(figure) for figure in figures]
    if not frames:
        raise UserError("figures is empty; give at least one frame")
    height, width, _ = frames[0].shape
    if odd := next((frame.shape for frame in frames if frame.shape != frames[0].shape), None):
        raise UserError(
            f"figures has frames of {width} x {height} and {odd[1]} x {odd[0]} pixels; make them the same size"
        )
    first, *others = _with_one_palette(np.stack(frames))
    each = round(seconds * 1000)
    buffer = io.BytesIO()
    first.save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=others,
        duration=[each] * len(others) + [each + round(hold * 1000)],
        loop=0,
        optimize=False,
    )
    write_atomically(path, buffer.getvalue())


def _draw(figure: Figure) -> NDArray[np.uint8]:
    """Pixels of a figure at its resolution, (H, W, 3)."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format="rgba")
    width, height = figure.canvas.get_width_height()
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)[..., :3]


def _with_one_palette(frames: NDArray[np.uint8]) -> list[Image.Image]:
    """Frames (T, H, W, 3) as images with one palette: evenly spaced greys, and colours fitted to the coloured pixels.

    A palette fitted to all pixels would be mostly grey, since a film of decoded images has a hundred times more grey
    pixels than coloured ones, and would merge the colours of classes.
    """
    greys = np.linspace(0, 255, _GREYS).round().repeat(3).reshape(-1, 3)
    coloured = frames[frames.max(-1) - frames.min(-1) > 24]
    if len(coloured):
        reduced = Image.fromarray(coloured[None]).quantize(256 - _GREYS, Image.Quantize.FASTOCTREE)
        palette = np.concatenate([greys, np.reshape(reduced.getpalette() or [], (-1, 3))])[:256].astype(np.float32)
    else:
        palette = greys.astype(np.float32)
    # Colours packed into integers index a table of nearest entries, so each colour is matched only once.
    packed = frames[..., 0].astype(np.int32) << 16
    packed |= frames[..., 1].astype(np.int32) << 8
    packed |= frames[..., 2]
    nearest = np.zeros(1 << 24, np.uint8)
    nearest[packed] = 1
    colours = np.flatnonzero(nearest)
    for block in np.array_split(colours, len(colours) // 50_000 + 1):
        rgb = np.stack([block >> 16, block >> 8 & 255, block & 255], 1).astype(np.float32)
        nearest[block] = ((palette**2).sum(1) - 2 * rgb @ palette.T).argmin(1)
    images = []
    for frame in nearest[packed]:
        image = Image.fromarray(frame, "P")
        image.putpalette(palette.astype(np.uint8).tobytes())
        images.append(image)
    return images
