"""How a decoder moves along a path of codes: in even steps or leaps, straight or by a detour."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import finite


def path_evenness(decoded: Float[NDArray[np.float64], "P T *image"]) -> Float[NDArray[np.float64], " P"]:
    """The largest step of each path over its mean step: 1 where all are as long, T - 1 where one is the whole path.

    A step is the Euclidean distance over all pixels between images that follow each other. A path that does not
    move gives nan.

    Args:
        decoded: P paths of T images each.

    Raises:
        UserError: a path has fewer than three images, or a pixel is not finite.

    >>> path_evenness(np.array([[[0.0], [1.0], [2.0]], [[0.0], [0.0], [2.0]]]))
    array([1., 2.])
    """
    steps = _steps(decoded)
    with np.errstate(invalid="ignore"):
        evenness: NDArray[np.float64] = steps.max(1) / steps.mean(1)
    return evenness


def path_straightness(decoded: Float[NDArray[np.float64], "P T *image"]) -> Float[NDArray[np.float64], " P"]:
    """The length of each path over the distance from its first image to its last: 1 where it is straight.

    Lengths are Euclidean over all pixels, the discrete arc length of Shao, Kumar and Fletcher (2018). A path
    that ends where it began gives infinity; one that does not move, nan.

    Args:
        decoded: P paths of T images each.

    Raises:
        UserError: a path has fewer than three images, or a pixel is not finite.

    >>> path_straightness(np.array([[[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]]))
    array([1.4])
    """
    steps = _steps(decoded)
    ends = np.linalg.norm((decoded[:, -1] - decoded[:, 0]).reshape(len(decoded), -1), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        straightness: NDArray[np.float64] = steps.sum(1) / ends
    return straightness


def _steps(decoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The length of each step, (P, T - 1)."""
    if decoded.ndim < 3 or 0 in decoded.shape:
        raise UserError(f"decoded has shape {decoded.shape}, but must be (paths, steps, pixels ...); stack the paths")
    if decoded.shape[1] < 3:
        raise UserError(f"decoded has {decoded.shape[1]} images a path, but at least three are needed; give more")
    finite("decoded", decoded)
    lengths: NDArray[np.float64] = np.linalg.norm(np.diff(decoded.reshape(*decoded.shape[:2], -1), axis=1), axis=-1)
    return lengths
