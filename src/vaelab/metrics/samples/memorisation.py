"""Whether samples are copies of training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, inside_unit, one_space, points

_Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Nearest:
    """The training image that each image is nearest to."""

    index: Int[NDArray[np.int64], " M"]
    """Its row."""
    distance: Float[_Numbers, " M"]
    """Euclidean, over all pixels in [0, 1]; exactly 0 for a copy."""
    relative: Float[_Numbers, " M"]
    """That distance over the mean distance to the nearest few training images, from 0 for a copy to 1."""


@dataclass(frozen=True)
class Memorisation:
    """Samples against held-out images, by how near each comes to a training image.

    Of both ranks 0.5 is no sign of copies, and 1 is that every sample is nearer than every held-out image.
    """

    of_samples: Nearest
    of_held_out: Nearest
    quantile: float
    """The share of held-out images that count as near."""

    @property
    def threshold(self) -> float:
        """The distance that this share of held-out images does not exceed."""
        return float(np.quantile(self.of_held_out.distance, self.quantile))

    @property
    def near(self) -> float:
        """The share of samples within the threshold; about `quantile` where samples are like held-out images."""
        return float((self.of_samples.distance <= self.threshold).mean())

    @property
    def copies(self) -> float:
        """The share of samples that are training images, to the last pixel."""
        return float((self.of_samples.distance == 0).mean())

    @property
    def rank(self) -> float:
        """The chance that a sample is nearer than a held-out image, ties by half: the area under the ROC curve."""
        return _nearer(self.of_samples.distance, self.of_held_out.distance)

    @property
    def relative_rank(self) -> float:
        """The same by relative distance, which smoothness alone does not lower."""
        return _nearer(self.of_samples.relative, self.of_held_out.relative)


def nearest_training(
    images: Float[NDArray[Any], "M ..."], training: Float[NDArray[Any], "N ..."], neighbours: int = 50
) -> Nearest:
    """The nearest training image of each image, by Euclidean distance over all pixels.

    The relative distance divides by the mean over the `neighbours` nearest, as Carlini et al. (2023) do to find
    copies: a smooth image is near to many training images, a copy to one. Where that mean is 0, it is 1.

    Raises:
        UserError: there are fewer training images than neighbours, neighbours < 2, shapes differ, or a pixel is not
            finite.

    >>> training = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> found = nearest_training(np.array([[1.0, 0.0], [0.5, 0.5]]), training, neighbours=2)
    >>> found.index[0].item(), found.distance.round(3).tolist(), found.relative.tolist()
    (1, [0.0, 0.707], [0.0, 1.0])
    """
    from sklearn.neighbors import NearestNeighbors

    at_least("neighbours", neighbours, 2)
    points("images", images, least=1)
    points("training", training)
    one_space("images", images, "training", training)
    if neighbours > len(training):
        raise UserError(f"neighbours is {neighbours}, but training has {len(training)} images; give more or ask fewer")
    pixels, known = images.reshape(len(images), -1), training.reshape(len(training), -1)
    distances, indices = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(known).kneighbors(pixels)
    # The search rounds; the difference itself is exactly 0 for a copy.
    distances[:, 0] = np.linalg.norm(pixels.astype(np.float64) - known[indices[:, 0]], axis=1)
    mean = distances.mean(1)
    relative = np.divide(distances[:, 0], mean, out=np.ones(len(mean)), where=mean > 0)
    return Nearest(indices[:, 0].astype(np.int64), distances[:, 0].astype(np.float64), relative)


def memorisation(
    samples: Float[NDArray[Any], "M ..."],
    training: Float[NDArray[Any], "N ..."],
    held_out: Float[NDArray[Any], "T ..."],
    quantile: float = 0.01,
    neighbours: int = 50,
) -> Memorisation:
    """Whether samples lie nearer to training images than images that the model has not seen.

    The comparison of Meehan, Chaudhuri and Dasgupta (2020), by the Mann-Whitney statistic over all of the space. A
    model that copies gives samples that are nearer; so does one that blurs, since a blurred image is nearer to every
    other one. `relative_rank` tells the two apart: it is high for copies alone. Give samples of the same kind as the
    images, binary for binary.

    Time grows with (M + T) N: 2,000 and 2,000 against 60,000 of 784 pixels take some ten seconds on one core.

    Args:
        samples, training, held_out: pixels in [0, 1].
        quantile: the share of held-out images that count as near.
        neighbours: as `nearest_training` takes it.

    Raises:
        UserError: quantile is not between 0 and 1, or as `nearest_training`.
    """
    inside_unit("quantile", quantile)
    return Memorisation(
        nearest_training(samples, training, neighbours), nearest_training(held_out, training, neighbours), quantile
    )


def _nearer(of_samples: _Numbers, of_held_out: _Numbers) -> float:
    """P(sample < held out) + P(sample = held out) / 2."""
    from scipy.stats import rankdata

    m, t = len(of_samples), len(of_held_out)
    ranks = rankdata(np.concatenate([of_samples, of_held_out]))[m:]
    return float((ranks.sum() - t * (t + 1) / 2) / (m * t))
