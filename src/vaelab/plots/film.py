"""Figures one after another, as an animated GIF."""

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

# Of a palette's 256 colours so many are greys; images, text and paper need no more.
_GREYS = 40


def write_film(path: Path, figures: Iterable[Figure], seconds: float = 0.3, hold: float = 2.0) -> None:
    """Write figures as the frames of a GIF that begins again at its end.

    All frames share one palette, so that no colour flickers. Figures may be made one at a time: each is
    drawn as it comes, and only its pixels are kept.

    Args:
        path: the file, which ends in .gif.
        figures: the frames, all of one size.
        seconds: how long each stands.
        hold: how much longer the last one stands, seconds.

    Raises:
        UserError: no frames, frames of different sizes, a time too short to show, another suffix, or a file
            that cannot be written.
    """
    if path.suffix.lower() != ".gif":
        raise UserError(f"film {path} has the suffix {path.suffix!r}; end its name in .gif")
    # Players show what is shorter than two hundredths of a second at a speed of their own.
    if not seconds >= 0.02 or not hold >= 0:
        raise UserError(f"seconds is {seconds} and hold is {hold}; give at least 0.02 seconds a frame and hold >= 0")
    frames = [_draw(figure) for figure in figures]
    if not frames:
        raise UserError("figures is empty; give at least one frame")
    height, width, _ = frames[0].shape
    if odd := next((frame.shape for frame in frames if frame.shape != frames[0].shape), None):
        raise UserError(
            f"figures has frames of {width} x {height} and {odd[1]} x {odd[0]} pixels; make all of one size"
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
    """The figure's pixels at its own resolution, (H, W, 3)."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format="rgba")
    width, height = figure.canvas.get_width_height()
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)[..., :3]


def _with_one_palette(frames: NDArray[np.uint8]) -> list[Image.Image]:
    """Frames (T, H, W, 3) as images of one palette: even greys, and what suits their coloured pixels best.

    A palette found for all pixels alike would spend itself on the greys, of which a film of decoded images has
    a hundred times more, and mix the colours of classes.
    """
    greys = np.linspace(0, 255, _GREYS).round().repeat(3).reshape(-1, 3)
    coloured = frames[frames.max(-1) - frames.min(-1) > 24]
    if len(coloured):
        few = Image.fromarray(coloured[None]).quantize(256 - _GREYS, Image.Quantize.FASTOCTREE)
        palette = np.concatenate([greys, np.reshape(few.getpalette() or [], (-1, 3))])[:256].astype(np.float32)
    else:
        palette = greys.astype(np.float32)
    # Pixels are looked up by their colour as one number, and each colour finds its nearest only once.
    packed = frames[..., 0].astype(np.int32) << 16
    packed |= frames[..., 1].astype(np.int32) << 8
    packed |= frames[..., 2]
    nearest = np.zeros(1 << 24, np.uint8)
    nearest[packed] = 1
    colours = np.flatnonzero(nearest)
    for some in np.array_split(colours, len(colours) // 50_000 + 1):
        rgb = np.stack([some >> 16, some >> 8 & 255, some & 255], 1).astype(np.float32)
        nearest[some] = ((palette**2).sum(1) - 2 * rgb @ palette.T).argmin(1)
    images = []
    for frame in nearest[packed]:
        image = Image.fromarray(frame, "P")
        image.putpalette(palette.astype(np.uint8).tobytes())
        images.append(image)
    return images
