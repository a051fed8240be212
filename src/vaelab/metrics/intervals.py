"""Bootstrap confidence intervals of means over images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.metrics.checks import at_least, inside_unit, points


@dataclass(frozen=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


def bootstrap_interval(
    values: Float[NDArray[np.float64], " N"], level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of a mean over N images.

    Efron (1979): the percentiles (1 -+ level) / 2 of the means of `draws` samples of N values with replacement. It
    covers the variation of the mean between sets of N images, including Monte-Carlo errors that are independent
    between images.

    Args:
        values: one number per image.
        level: coverage, the share of such intervals that contain the true mean.
        draws: samples with replacement.
        seed: of the draws.

    Raises:
        UserError: fewer than two values, a value that is not finite, draws < 1, or a level outside (0, 1).

    >>> bootstrap_interval(np.array([2.0, 2.0, 2.0]))
    Interval(low=2.0, high=2.0)
    """
    from scipy.stats import bootstrap

    points("values", values)
    at_least("draws", draws, 1)
    inside_unit("level", level)
    if (values == values[0]).all():
        # All resamples are equal, about which scipy would warn.
        return Interval(float(values[0]), float(values[0]))
    # Resample in blocks, so that memory does not grow with draws x N.
    block = max(1, 2_000_000 // len(values))
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=draws,
        batch=block,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Interval(float(found.confidence_interval.low), float(found.confidence_interval.high))
