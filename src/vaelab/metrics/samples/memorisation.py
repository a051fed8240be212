"""Memorisation: detection of samples that copy training images."""

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
    """The nearest training image of each image."""

    index: Int[NDArray[np.int64], " M"]
    """Row of the training image."""
    distance: Float[_Numbers, " M"]
    """Euclidean distance over all pixels in [0, 1]; exactly 0 for a copy."""
    relative: Float[_Numbers, " M"]
    """Distance divided by the mean distance to the k nearest training images: from 0 for a copy to 1."""


@dataclass(frozen=True)
class Memorisation:
    """Comparison of samples with held-out images by their distances to the nearest training image.

    Both ranks are 0.5 without memorisation, and 1 if every sample is closer than every held-out image.
    """

    of_samples: Nearest
    of_held_out: Nearest
    quantile: float
    """Share of held-out images that count as near."""

    @property
    def threshold(self) -> float:
        """Largest distance that counts as near: the quantile of the distances of held-out images."""
        return float(np.quantile(self.of_held_out.distance, self.quantile))

    @property
    def near(self) -> float:
        """Share of samples within the threshold; about `quantile` without memorisation."""
        return float((self.of_samples.distance <= self.threshold).mean())

    @property
    def copies(self) -> float:
        """Share of samples that equal a training image in every pixel."""
        return float((self.of_samples.distance == 0).mean())

    @property
    def rank(self) -> float:
        """Probability that a sample is closer than a held-out image, ties counting half: the area under the ROC."""
        return _nearer(self.of_samples.distance, self.of_held_out.distance)

    @property
    def relative_rank(self) -> float:
        """The same for the relative distance, which is not lowered by smoothness."""
        return _nearer(self.of_samples.relative, self.of_held_out.relative)


def nearest_training(
    images: Float[NDArray[Any], "M ..."], training: Float[NDArray[Any], "N ..."], neighbours: int = 50
) -> Nearest:
    """The nearest training image of each image, by Euclidean distance over all pixels.

    The relative distance divides by the mean distance to the `neighbours` nearest training images, as Carlini et al.
    (2023) do to detect copies: a smooth image is close to many training images, a copy to one. If that mean is 0, the
    relative distance is 1.

    Args:
        images: pixels in [0, 1].
        training: pixels in [0, 1], of the same shape per image.
        neighbours: k, for the relative distance.

    Raises:
        UserError: fewer training images than neighbours, neighbours < 2, different shapes, or a pixel that is not
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
        raise UserError(
            f"neighbours is {neighbours}, but training has {len(training)} images; give more images, or ask for fewer"
        )
    pixels, known = images.reshape(len(images), -1), training.reshape(len(training), -1)
    distances, indices = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(known).kneighbors(pixels)
    # The search has rounding errors; the norm of the difference is exactly 0 for a copy.
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
    """Compare the distances of samples and of held-out images to the training images.

    Meehan, Chaudhuri and Dasgupta (2020), by the Mann-Whitney statistic over the whole space. The samples of a model
    that copies are closer to the training images than held-out images. So are blurred samples, since a blurred image is
    closer to every other image. `relative_rank` distinguishes the two: it is high only for copies. Give samples of the
    same kind as the images, for example binary samples for binary images.

    Time grows with (M + T) N: M = T = 2,000 and N = 60,000 of 784 pixels take about ten seconds on one core.

    Args:
        samples, training, held_out: pixels in [0, 1].
        quantile: share of held-out images that count as near.
        neighbours: as for `nearest_training`.

    Raises:
        UserError: a quantile outside (0, 1), or as `nearest_training`.
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
