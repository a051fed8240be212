"""Handwritten digits that need no download: the set that scikit-learn brings."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np

from vaelab.data.data import held_out
from vaelab.data.images import ImageData
from vaelab.data.sources import SourceSpec


@dataclass(frozen=True)
class Digits(SourceSpec):
    """1,797 handwritten digits that come with scikit-learn, enlarged to 28 x 28, grey; no download."""

    licence: ClassVar[str] = "CC BY 4.0"
    needs_files: ClassVar[bool] = False

    def load(self, directory: Path | None = None) -> ImageData:
        """The digits of Alpaydin and Kaynak (1998, UCI), enlarged from 8 x 8 pixels.

        An enlarged digit fills 24 x 24 pixels inside a margin of two, about as MNIST's do. A fifth of the rows, always
        the same, is the test split.
        """
        from PIL import Image

        greys, labels = _digits()
        images = np.zeros((len(greys), 1, 28, 28), np.uint8)
        for row, small in enumerate(np.round(greys * (255 / 16)).astype(np.uint8)):
            large = Image.fromarray(small).resize((24, 24), Image.Resampling.BICUBIC)
            images[row, 0, 2:26, 2:26] = np.asarray(large)
        return held_out(ImageData("digits", images, labels, tuple("0123456789")))


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Greys from 0 to 16, (1797, 8, 8), and labels. The file is read here, since scikit-learn takes long to import."""
    package = find_spec("sklearn")
    file = package and package.origin and Path(package.origin).parent / "datasets/data/digits.csv.gz"
    if file and file.is_file():
        rows = np.loadtxt(file, delimiter=",")
        return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images, bunch.target.astype(np.int64)
