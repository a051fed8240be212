"""The factors of variation of data whose factors are known."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.data import ImageData
from vaelab.errors import UserError


def factors_of(data: ImageData) -> tuple[tuple[str, ...], Float[NDArray[np.float64], "N K"], tuple[int, ...]]:
    """Names, values and the categorical columns of a data set's factors: its labels, then its attributes.

    Raises:
        UserError: there are no attributes, so that what the images were made from is not known.

    >>> from vaelab import Sprites
    >>> names, factors, categorical = factors_of(Sprites(limit=20, image_size=16).load())
    >>> names, factors.shape, categorical
    (('label', 'scale', 'orientation', 'x', 'y'), (20, 5), (0,))
    """
    if data.attributes is None:
        raise UserError(
            f"{data.name} has no attributes that say what its images were made from; choose data with known factors, "
            "such as sprites, strokes, dsprites or shapes3d"
        )
    columns, names = data.attributes.astype(np.float64), data.attribute_names
    if data.labels is None:
        return names, columns, ()
    return ("label", *names), np.column_stack([data.labels.astype(np.float64), columns]), (0,)
