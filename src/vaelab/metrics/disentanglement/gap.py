"""The gap between the two largest entries of a column."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray


def top_two_gap(table: Float[NDArray[np.float64], "D K"]) -> Float[NDArray[np.float64], " K"]:
    """The largest minus the second largest number of each column; the second is 0 if there is one row.

    >>> top_two_gap(np.array([[1.0, 0.0], [3.0, 8.0], [2.5, 8.0]]))
    array([0.5, 0. ])
    """
    ordered = np.sort(np.pad(table, ((1, 0), (0, 0))), axis=0)
    gap: NDArray[np.float64] = ordered[-1] - ordered[-2]
    return gap
