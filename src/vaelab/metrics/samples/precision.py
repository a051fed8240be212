"""Precision, recall, density and coverage of samples, from nearest neighbours of features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, one_space, points

# Megabytes of distances that are computed at once.
_MEMORY = 64


@dataclass(frozen=True)
class PrecisionRecall:
    """Membership of N real images and M samples in the balls of the other set; a ball reaches the k-th neighbour.

    The metrics are means of these arrays; `bootstrap_interval` of an array gives the interval of its mean for fixed
    balls.
    """

    real_balls: Int[NDArray[np.int64], " M"]
    """Number of balls of real images that contain each sample."""
    reached: Bool[NDArray[np.bool_], " N"]
    """Whether each real image lies in the ball of a sample."""
    covered: Bool[NDArray[np.bool_], " N"]
    """Whether the ball of each real image contains a sample."""
    neighbours: int
    """k."""

    @property
    def precision(self) -> float:
        """Share of samples that lie in the ball of a real image."""
        return float((self.real_balls > 0).mean())

    @property
    def recall(self) -> float:
        """Share of real images that lie in the ball of a sample."""
        return float(self.reached.mean())

    @property
    def density(self) -> float:
        """Mean number of real balls around a sample, divided by k: 1 on average for equal distributions."""
        return float(self.real_balls.mean() / self.neighbours)

    @property
    def coverage(self) -> float:
        """Share of real images with a sample in their ball."""
        return float(self.covered.mean())

    @property
    def expected_coverage(self) -> float:
        """Mean of `coverage` for equal distributions, which is the best possible value.

        1 - (N - 1) ... (N - k) / ((N + M - 1) ... (N + M - k)): Naeem et al. (2020). A real image is not covered if
        its k nearest neighbours among all others are real.
        """
        real, every = len(self.covered), len(self.covered) + len(self.real_balls)
        back = np.arange(1, self.neighbours + 1)
        return float(1 - ((real - back) / (every - back)).prod())


def precision_recall(
    real: Float[NDArray[np.float64], "N F"], samples: Float[NDArray[np.float64], "M F"], neighbours: int = 5
) -> PrecisionRecall:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020), of features.

    The closed ball of a point reaches its k-th nearest neighbour in its own set, the point itself excluded::

        precision  the share of samples in the ball of any real image        (2019, equations 1 and 2)
        recall     the share of real images in the ball of any sample        (2019, equations 1 and 2)
        density    1 / (k M) times the sum over samples of the real balls around each                  (2020)
        coverage   the share of real images whose ball holds a sample                                (2020)

    Blurred or unrealistic samples lower precision and density; a class that is never generated lowers recall and
    coverage. A single outlier, whose ball is large, can raise precision and recall. Density and coverage are robust to
    it, and have known values for equal distributions, 1 and `expected_coverage`; precision and recall do not. All four
    depend on N, M and k, so compare them at equal numbers. As with `frechet_distance`, they depend on the network.

    Time grows with N M F; memory does not.

    Args:
        real, samples: features, one row per image.
        neighbours: k.

    Raises:
        UserError: a set with at most as many images as neighbours, a feature that is not finite, or different numbers
            of features.

    >>> line = np.arange(6.0)[:, None]
    >>> found = precision_recall(line, line[:3] + 0.1, neighbours=1)
    >>> found.precision, found.recall, found.density, found.coverage
    (1.0, 0.6666666666666666, 2.0, 0.6666666666666666)
    """
    from sklearn.metrics import pairwise_distances_chunked

    at_least("neighbours", neighbours, 1)
    one_space("samples", samples, "real", real)
    for name, features in (("real", real), ("samples", samples)):
        points(name, features)
        if len(features) <= neighbours:
            raise UserError(
                f"neighbours is {neighbours}, but {name} has {len(features)} images; give more images, or ask for fewer"
            )
    # Squared distances come from matrix products, whose rounding error grows with the distance of the points from 0.
    centre = real.mean(0)
    real, samples = real - centre, samples - centre
    # A point on the boundary of a ball is inside, in spite of rounding.
    edge = 1e-12 * float(max((real**2).sum(1).max(), (samples**2).sum(1).max()))
    of_real, of_samples = (_reach(features, neighbours) ** 2 + edge for features in (real, samples))
    real_balls: list[NDArray[np.int64]] = []
    reached, covered = np.zeros((2, len(real)), np.bool_)
    start = 0
    for squares in pairwise_distances_chunked(samples, real, working_memory=_MEMORY, squared=True):
        inside = squares <= of_real
        real_balls.append(inside.sum(1))
        covered |= inside.any(0)
        reached |= (squares <= of_samples[start : start + len(squares), None]).any(0)
        start += len(squares)
    return PrecisionRecall(np.concatenate(real_balls), reached, covered, neighbours)


def _reach(features: NDArray[np.float64], neighbours: int) -> NDArray[np.float64]:
    """Distance from each point to its k-th nearest neighbour."""
    from sklearn.neighbors import NearestNeighbors

    # In a hundred dimensions a tree visits every point too, but more slowly.
    search = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(features)
    distances: NDArray[np.float64] = search.kneighbors()[0]
    return distances[:, -1]
