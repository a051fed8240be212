"""How many dimensions of a latent a model uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from vaelab.metrics.checks import at_least, points


@dataclass(frozen=True)
class ActiveUnits:
    """Which dimensions of a latent are used."""

    variance: Float[NDArray[np.float64], " D"]
    """Of the posterior's mean over the data, in each dimension."""
    active: Bool[NDArray[np.bool_], " D"]
    """Whether it exceeds the threshold."""

    @property
    def count(self) -> int:
        """How many are active."""
        return int(self.active.sum())


def active_units(means: Float[NDArray[np.float64], "N D"], threshold: float = 0.01) -> ActiveUnits:
    """The dimensions whose posterior mean varies over the data: Cov_x(E_q(u given x)[u]) > threshold.

    Burda, Grosse and Salakhutdinov (2016), section 5.2, where the threshold is 0.01. In a dimension that is not used
    the posterior is the prior, whatever the image.

    Args:
        means: of the posteriors of N images.
        threshold: a variance.

    Raises:
        UserError: there are fewer than two images, or a mean is not finite.

    >>> active_units(np.array([[1.0, 0.0], [-1.0, 0.01]])).count
    1
    """
    at_least("threshold", threshold, 0)
    points("means", means)
    variance = means.var(0)
    return ActiveUnits(variance, variance > threshold)
