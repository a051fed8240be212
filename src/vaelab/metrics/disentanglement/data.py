"""Ground-truth factors of variation of a data set."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.data import Data
from vaelab.errors import UserError


def factors_of(data: Data) -> tuple[tuple[str, ...], Float[NDArray[np.float64], "N K"], tuple[int, ...]]:
    """Names, values and categorical columns of the factors of a data set: its labels, if known, then its attributes.

    Raises:
        UserError: the data has no attributes.

    >>> from vaelab import Sprites
    >>> names, factors, categorical = factors_of(Sprites(limit=20, image_size=16).load())
    >>> names, factors.shape, categorical
    (('label', 'scale', 'orientation', 'x', 'y'), (20, 5), (0,))
    """
    if data.attributes is None:
        raise UserError(
            f"{data.name} has no attributes, so the factors of its images are not known; choose data with known "
            "factors, such as sprites, strokes, dsprites or shapes3d"
        )
    columns, names = data.attributes.astype(np.float64), data.attribute_names
    if data.labels is None or not (data.labels >= 0).any():
        return names, columns, ()
    return ("label", *names), np.column_stack([data.labels.astype(np.float64), columns]), (0,)
