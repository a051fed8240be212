"""The Fréchet distance between two sets of features, each approximated by a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, finite, inside_unit, one_space, points
from vaelab.metrics.intervals import Interval

_Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class FrechetDistance:
    """Result of `frechet_distance`, with the numbers of images that it depends on."""

    distance: float
    """In squared units of the features; 0 if means and covariances are equal."""
    n_real: int
    """Number of real images."""
    n_samples: int
    """Number of samples."""


def frechet_between(
    mean1: Float[_Numbers, " F"],
    cov1: Float[_Numbers, "F F"],
    mean2: Float[_Numbers, " F"],
    cov2: Float[_Numbers, "F F"],
) -> float:
    r"""The squared Fréchet distance between N(m1, S1) and N(m2, S2).

        |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))

    Dowson and Landau (1982); it is also the squared 2-Wasserstein distance. With S = A A^T, the trace of the root is
    the sum of the singular values of A1^T A2, which are real and non-negative; this avoids the root of a matrix that is
    not symmetric.

    Raises:
        UserError: shapes that do not match, a number that is not finite, or a covariance that is not symmetric or has a
            negative eigenvalue.

    >>> one, two = np.diag([1.0, 4.0]), np.diag([9.0, 4.0])
    >>> round(frechet_between(np.zeros(2), one, np.array([3.0, 0.0]), two), 9)
    13.0
    """
    one_space("mean2", mean2[None], "mean1", mean1[None])
    roots = []
    for name, mean, cov in (("1", mean1, cov1), ("2", mean2, cov2)):
        finite(f"mean{name}", mean)
        if cov.shape != (len(mean), len(mean)):
            raise UserError(
                f"cov{name} has shape {cov.shape}, but mean{name} has {len(mean)} features; give an F x F matrix"
            )
        finite(f"cov{name}", cov)
        roots.append(_root(f"cov{name}", cov))
    overlap = np.linalg.svd(roots[0].T @ roots[1], compute_uv=False).sum()
    squared = ((mean1 - mean2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * overlap
    # For equal Gaussians the result can be a negative rounding error.
    return max(0.0, float(squared))


def frechet_distance(real: Float[_Numbers, "N F"], samples: Float[_Numbers, "M F"]) -> FrechetDistance:
    """The squared Fréchet distance between features of real images and of samples, from their means and covariances.

    Heusel et al. (2017), whose FID is this distance on the features of the Inception network. The features of another
    network, for example `ImageClassifier.features`, give other numbers on another scale: report it as the Fréchet
    distance on that network's features, not as FID, and compare it only for the same network, real images and numbers
    of images.

    The estimate has a positive bias that falls as 1 / N (Chong and Forsyth 2020), so the numbers of images are part of
    the result. The distance between two sets of real images of the same sizes estimates this bias.

    Args:
        real, samples: features, one row per image.

    Raises:
        UserError: a set with at most as many images as features, whose covariance is singular; a feature that is not
            finite; or different numbers of features.
    """
    _enough(real, samples)
    return FrechetDistance(frechet_between(*_gaussian(real), *_gaussian(samples)), len(real), len(samples))


def frechet_interval(
    real: Float[_Numbers, "N F"], samples: Float[_Numbers, "M F"], level: float = 0.95, draws: int = 50, seed: int = 0
) -> Interval:
    """Bootstrap interval of `frechet_distance` at these numbers of images.

    The distance -+ z times the standard deviation over `draws` resamples of both sets with replacement (Efron 1979),
    clipped at 0, with z the normal quantile. A standard deviation needs few resamples, percentiles many; percentiles
    would also be too high, since every resample adds the bias of `frechet_distance` again. The interval covers the
    variation between sets of as many images, not that bias. If both sets have the same distribution it is too wide
    rather than too narrow.

    Args:
        real, samples: as for `frechet_distance`.
        level: coverage, the share of such intervals that contain the expected distance.
        draws: resamples; each takes as long as one distance.
        seed: of the draws.

    Raises:
        UserError: as `frechet_distance`; draws < 2; or a level outside (0, 1).
    """
    from scipy.special import ndtri

    inside_unit("level", level)
    at_least("draws", draws, 2)
    distance = frechet_distance(real, samples).distance
    random = np.random.default_rng(seed)
    drawn = [
        frechet_between(*_gaussian(_redrawn(real, random)), *_gaussian(_redrawn(samples, random))) for _ in range(draws)
    ]
    margin = float(ndtri((1 + level) / 2) * np.std(drawn, ddof=1))
    return Interval(max(0.0, distance - margin), distance + margin)


def _enough(real: _Numbers, samples: _Numbers) -> None:
    """Refuse features whose covariance cannot be estimated."""
    one_space("samples", samples, "real", real)
    for name, features in (("real", real), ("samples", samples)):
        points(name, features)
        if len(features) <= features.shape[1]:
            raise UserError(
                f"{name} has {len(features)} images of {features.shape[1]} features, but a covariance needs more "
                f"images than features; give at least {features.shape[1] + 1}, and better ten times as many"
            )


def _gaussian(features: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Mean and unbiased covariance."""
    return features.mean(0), np.atleast_2d(np.cov(features, rowvar=False))


def _redrawn(features: _Numbers, random: np.random.Generator) -> _Numbers:
    """A resample of the rows, with replacement."""
    return features[random.integers(len(features), size=len(features))]


def _root(name: str, cov: _Numbers) -> _Numbers:
    """A square root A of the covariance, A A^T = S."""
    if not np.allclose(cov, cov.T, atol=1e-9 * np.abs(cov).max()):
        raise UserError(f"{name} is not symmetric, but must be; give the mean of the matrix and its transpose")
    values, vectors = np.linalg.eigh(cov)
    if values[0] < -1e-9 * np.abs(values).max():
        raise UserError(
            f"{name} has the eigenvalue {values[0]:.3g}, but must have none below 0; give a covariance matrix"
        )
    root: _Numbers = vectors * np.sqrt(np.maximum(values, 0))
    return root
