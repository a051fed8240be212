"""Strokes: digits drawn by a pen with known slant, thickness, scale and rotation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from vaelab.data.data import as_attributes
from vaelab.data.images import ImageData
from vaelab.data.sources import SourceSpec

RANGES = {"slant": (-25.0, 25.0), "thickness": (1.5, 4.0), "scale": (12.0, 18.0), "rotation": (-10.0, 10.0)}
"""The range of each factor: degrees, pixels, pixels, degrees."""


@dataclass(frozen=True)
class Strokes(SourceSpec):
    """Digits drawn by a pen with known slant, thickness, scale and rotation, 28 x 28, grey; no download."""

    licence: ClassVar[str] = "MIT, drawn by vaelab"
    needs_files: ClassVar[bool] = False
    json_names: ClassVar[Mapping[str, str]] = {"n_images": "images"}

    n_images: Annotated[int, Ge(2)] = 70_000
    """Number of images; a seventh of them is the test split, as of MNIST."""
    seed: Annotated[int, Ge(0)] = 0
    """Seed of the factors."""

    def load(self, directory: Path | None = None) -> ImageData:
        """Digits like handwritten ones and the factors that they are drawn from.

        The class is the label; slant, thickness, scale and rotation are the attributes, in the units of
        `draw_strokes`. All five are independent and uniform, the four over `RANGES`. With fewer images, each split
        holds the first ones of the same split with more images.

        >>> data = Strokes(n_images=70).load()
        >>> data.images.shape, data.attribute_names, len(data.split("test"))
        ((70, 1, 28, 28), ('slant', 'thickness', 'scale', 'rotation'), 10)
        """
        from vaelab.data.drawing.strokes import CLASSES, draw_strokes

        test = max(1, round(self.n_images / 7))
        train = self.n_images - test
        uniform = np.concatenate(
            [np.random.default_rng((self.seed, split)).random((rows, 5)) for split, rows in enumerate((train, test))]
        )
        classes = (uniform[:, 0] * len(CLASSES)).astype(np.int64)
        low, high = np.array(list(RANGES.values())).T
        # Rounded to float32 before drawing, so that the images show exactly the factors in the attributes.
        factors = as_attributes(low + uniform[:, 1:] * (high - low))
        return ImageData(
            "strokes",
            draw_strokes(classes, *factors.T),
            classes,
            CLASSES,
            {"train": range(train), "test": range(train, self.n_images)},
            attributes=factors,
            attribute_names=tuple(RANGES),
        )
