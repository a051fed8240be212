"""Means with their standard errors and intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.checks import points
from vaelab.metrics.intervals import Interval, bootstrap_interval


@dataclass(frozen=True)
class Estimate:
    """A mean over images, or over draws of z, nats."""

    mean: float
    standard_error: float
    """Of the mean: std / sqrt(N)."""
    interval: Interval
    """95 % bootstrap interval of the mean."""


def estimate(values: Float[NDArray[np.float64], " N"], seed: int = 0) -> Estimate:
    """The mean of N values, its standard error std / sqrt(N) and its bootstrap interval.

    Args:
        values: one number per row.
        seed: of the bootstrap.

    Raises:
        UserError: fewer than two values, or a value that is not finite.

    >>> estimate(np.array([1.0, 3.0])).standard_error
    1.0
    """
    points("values", values)
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(float(values.mean()), error, bootstrap_interval(values, seed=seed))
