"""A figure as an image, for trackers that take pixels."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

_DPI = 150


def as_image(figure: Figure) -> Image:
    """The figure as an image in RGB."""
    from PIL import Image

    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=_DPI)
    return Image.open(written).convert("RGB")
