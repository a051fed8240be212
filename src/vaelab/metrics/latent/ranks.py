"""Standardised ranks, whose inner products are Spearman correlations."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray


def standard_ranks(values: Float[NDArray[np.float64], "N F"]) -> Float[NDArray[np.float64], "N F"]:
    """The ranks of each column, centred and scaled to norm 1; ties share their mean rank, a constant column is 0.

    The inner product of two such columns is Spearman's correlation (Spearman 1904), and 0 with a constant column.

    >>> a, b = standard_ranks(np.array([[1.0, 9.0], [2.0, 5.0], [3.0, 7.0]])).T
    >>> round(float(a @ b), 6)
    -0.5
    """
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0)
    # Mean ranks are multiples of 1/2, so centring is exact.
    ranks -= (len(values) + 1) / 2
    length = np.linalg.norm(ranks, axis=0)
    standard: NDArray[np.float64] = ranks / np.where(length > 0, length, 1)
    return standard
