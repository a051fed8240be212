"""Real handwritten digits that need no download: scikit-learn's embedded set."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vaelab.data.images import ImageData, held_out


def load_digits() -> ImageData:
    """1,797 real digits (Alpaydin and Kaynak 1998, UCI), enlarged from 8 x 8 to 28 x 28 pixels.

    The enlarged digit fills 24 x 24 pixels amid a margin of two, about as MNIST's do. A fifth of the rows,
    always the same, is the test split.
    """
    from sklearn.datasets import load_digits as embedded

    bunch = embedded()
    images = np.zeros((len(bunch.images), 1, 28, 28), np.uint8)
    for row, small in enumerate(np.round(bunch.images * (255 / 16)).astype(np.uint8)):
        large = Image.fromarray(small).resize((24, 24), Image.Resampling.BICUBIC)
        images[row, 0, 2:26, 2:26] = np.asarray(large)
    return held_out(ImageData("digits", images, bunch.target.astype(np.int64), tuple("0123456789")))
