"""How sure a mean over images is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, points


@dataclass(frozen=True)
class Interval:
    """Where a number lies, with the confidence that was asked for."""

    low: float
    high: float


def bootstrap_interval(
    values: Float[NDArray[np.float64], " N"], level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Interval:
    """The interval of a mean over N images, by drawing the images anew.

    Efron (1979): the percentiles (1 -+ level) / 2 of the means of `draws` samples of N values with replacement. It
    holds how far another N images of the same kind would move the mean; what each value itself is uncertain of is
    part of it, as far as it differs from image to image.

    Args:
        values: a number an image.
        level: share of such intervals that hold the true mean.
        draws: samples with replacement.
        seed: of the draws.

    Raises:
        UserError: fewer than two values, one that is not finite, draws < 1, or a level that is not in (0, 1).

    >>> bootstrap_interval(np.array([2.0, 2.0, 2.0]))
    Interval(low=2.0, high=2.0)
    """
    from scipy.stats import bootstrap

    points("values", values)
    at_least("draws", draws, 1)
    if not 0 < level < 1:
        raise UserError(f"level is {level}, but must lie between 0 and 1, such as 0.95")
    if (values == values[0]).all():
        # Nothing to draw anew; the library would warn of it.
        return Interval(float(values[0]), float(values[0]))
    # Draws in blocks, so that memory does not grow with draws x N.
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
