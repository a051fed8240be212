"""What samples get right and what they leave out, by the neighbours of features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, one_space, points

# Megabytes of distances at a time.
_MEMORY = 64


@dataclass(frozen=True)
class PrecisionRecall:
    """Which of N real images and M samples lie among the other set; a ball reaches to a point's k-th neighbour.

    The means are the metrics. `bootstrap_interval` of an array tells how sure its mean is, with the balls as they are.
    """

    real_balls: Int[NDArray[np.int64], " M"]
    """In how many balls of real images each sample lies."""
    reached: Bool[NDArray[np.bool_], " N"]
    """Whether each real image lies in the ball of a sample."""
    covered: Bool[NDArray[np.bool_], " N"]
    """Whether the ball of each real image holds a sample."""
    neighbours: int
    """k."""

    @property
    def precision(self) -> float:
        """The share of samples that lie where real images are."""
        return float((self.real_balls > 0).mean())

    @property
    def recall(self) -> float:
        """The share of real images that lie where samples are."""
        return float(self.reached.mean())

    @property
    def density(self) -> float:
        """The mean number of real balls around a sample, over k: 1 on average where the laws are the same."""
        return float(self.real_balls.mean() / self.neighbours)

    @property
    def coverage(self) -> float:
        """The share of real images with a sample in their ball."""
        return float(self.covered.mean())

    @property
    def expected_coverage(self) -> float:
        """What `coverage` is on average where the laws are the same, and so the best that can be hoped for.

        1 - (N - 1) ... (N - k) / ((N + M - 1) ... (N + M - k)): Naeem et al. (2020). An image is left
        out where its k nearest among all others are real.
        """
        real, every = len(self.covered), len(self.covered) + len(self.real_balls)
        back = np.arange(1, self.neighbours + 1)
        return float(1 - ((real - back) / (every - back)).prod())


def precision_recall(
    real: Float[NDArray[np.float64], "N F"], samples: Float[NDArray[np.float64], "M F"], neighbours: int = 5
) -> PrecisionRecall:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020), of features.

    A point's ball reaches, edge included, to its k-th nearest neighbour of its own set, itself left out::

        precision  the share of samples in the ball of any real image        (2019, equations 1 and 2)
        recall     the share of real images in the ball of any sample        (2019, equations 1 and 2)
        density    1 / (k M) times the sum over samples of the real balls around each                  (2020)
        coverage   the share of real images whose ball holds a sample                                (2020)

    Blurred or plain samples lose precision and density; a class that is never drawn loses recall and coverage. One
    outlier, whose ball is large, can raise precision and recall: density and coverage bear it, and have known values
    for equal laws, 1 and `expected_coverage`. Precision and recall have not, and all four change with N, M and k:
    compare at the same ones. As with `frechet_distance`, they belong to the network whose features these are.

    Time grows with N M F; memory does not.

    Args:
        real, samples: features, a row an image.
        neighbours: k.

    Raises:
        UserError: a set has no more images than neighbours, a feature is not finite, or the sets differ in their
            number of features.

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
                f"neighbours is {neighbours}, but {name} has {len(features)} images; give more or ask fewer"
            )
    # Squared distances come by products of matrices, whose rounding grows with how far the points are from 0.
    centre = real.mean(0)
    real, samples = real - centre, samples - centre
    # A point on the edge of a ball is in it, whichever way its distance was rounded.
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
    """The distance from each point to its k-th nearest other."""
    from sklearn.neighbors import NearestNeighbors

    # In a hundred dimensions a tree visits every point, only slower.
    search = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(features)
    distances: NDArray[np.float64] = search.kneighbors()[0]
    return distances[:, -1]
