"""Sprites: the factor grid of dSprites, drawn when it is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from vaelab.data.data import as_attributes
from vaelab.data.dsprites import FACTORS, SHAPES
from vaelab.data.images import ImageData
from vaelab.data.sample import choose_rows
from vaelab.data.sources import SourceSpec

GRID = {
    "scale": np.linspace(0.5, 1, 6),
    "orientation": np.linspace(0, 2 * math.pi, 40),
    "x": np.linspace(0, 1, 32),
    "y": np.linspace(0, 1, 32),
}
"""The values of each factor, those of dSprites: the last orientation equals the first."""


@dataclass(frozen=True)
class Sprites(SourceSpec):
    """Squares, ellipses and hearts on the factor grid of dSprites, 64 x 64, black and white; no download."""

    licence: ClassVar[str] = "MIT, drawn by vaelab"
    needs_files: ClassVar[bool] = False

    limit: Annotated[int, Ge(2)] = 60_000
    """Take this many of the grid's 737,280 images, which take 3 GB, always the same random ones."""
    image_size: Annotated[int, Ge(16)] = 64
    """Height and width in pixels. Below 62, neighbouring places may look the same."""

    def load(self, directory: Path | None = None) -> ImageData:
        """White shapes on black from the grid of dSprites (Matthey et al. 2017), and their factors.

        3 shapes x 6 scales x 40 orientations x 32 places across x 32 places down are 737,280 images, which
        `draw_sprites` draws. The shape is the label; scale in [0.5, 1], orientation in [0, 2 pi], x and y in [0, 1] are
        the attributes, as for `DSprites`. The images differ from those of dSprites in single pixels. As there, the
        grid has orientation 0 and orientation 2 pi, which look the same, and at 64 x 64 pixels so do small squares
        whose orientations differ by about a multiple of a quarter turn. A tenth of the rows is the test split.

        >>> data = Sprites(limit=20, image_size=16).load()
        >>> data.images.shape, data.attribute_names, len(data.split("test"))
        ((20, 1, 16, 16), ('scale', 'orientation', 'x', 'y'), 2)
        """
        from vaelab.data.drawing.sprites import draw_sprites

        sizes = (len(SHAPES), *(len(GRID[name]) for name in FACTORS))
        order, train = choose_rows("sprites", math.prod(sizes), self.limit)
        shape, *places = np.unravel_index(order, sizes)
        scale, orientation, x, y = (GRID[name][place] for name, place in zip(FACTORS, places, strict=True))
        return ImageData(
            "sprites",
            draw_sprites(shape, scale, orientation, x, y, self.image_size),
            shape.astype(np.int64),
            SHAPES,
            {"train": range(train), "test": range(train, len(order))},
            attributes=as_attributes(np.stack([scale, orientation, x, y], 1)),
            attribute_names=FACTORS,
        )
