"""Active units: the dimensions of a latent that a model uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from vaelab.metrics.checks import at_least, points


@dataclass(frozen=True)
class ActiveUnits:
    """The dimensions of a latent whose posterior mean varies over the data."""

    variance: Float[NDArray[np.float64], " D"]
    """Variance of the posterior mean over the data, per dimension."""
    active: Bool[NDArray[np.bool_], " D"]
    """Whether the variance exceeds the threshold."""

    @property
    def count(self) -> int:
        """Number of active dimensions."""
        return int(self.active.sum())


def active_units(means: Float[NDArray[np.float64], "N D"], threshold: float = 0.01) -> ActiveUnits:
    """The dimensions whose posterior mean varies over the data: Cov_x(E_q(u given x)[u]) > threshold.

    Burda, Grosse and Salakhutdinov (2016), section 5.2, where the threshold is 0.01. In an unused dimension the
    posterior of every image is the prior.

    Args:
        means: posterior means of N images.
        threshold: a variance.

    Raises:
        UserError: fewer than two images, a mean that is not finite, or a negative threshold.

    >>> active_units(np.array([[1.0, 0.0], [-1.0, 0.01]])).count
    1
    """
    at_least("threshold", threshold, 0)
    points("means", means)
    variance = means.var(0)
    return ActiveUnits(variance, variance > threshold)
