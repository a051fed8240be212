"""Evenness and straightness of the decoded images along a path in latent space."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import finite


def path_evenness(decoded: Float[NDArray[np.float64], "P T *image"]) -> Float[NDArray[np.float64], " P"]:
    """Largest step of each path divided by its mean step: 1 for equal steps, T - 1 if one step is the whole path.

    A step is the Euclidean distance, over all pixels, between consecutive images. A path of equal images gives nan.

    Args:
        decoded: P paths of T images each.

    Raises:
        UserError: fewer than three images per path, or a pixel that is not finite.

    >>> path_evenness(np.array([[[0.0], [1.0], [2.0]], [[0.0], [0.0], [2.0]]]))
    array([1., 2.])
    """
    steps = _steps(decoded)
    with np.errstate(invalid="ignore"):
        evenness: NDArray[np.float64] = steps.max(1) / steps.mean(1)
    return evenness


def path_straightness(decoded: Float[NDArray[np.float64], "P T *image"]) -> Float[NDArray[np.float64], " P"]:
    """Length of each path divided by the distance between its ends: 1 for a straight path.

    Lengths are Euclidean over all pixels, the discrete arc length of Shao, Kumar and Fletcher (2018). A closed path
    gives infinity; a path of equal images gives nan.

    Args:
        decoded: P paths of T images each.

    Raises:
        UserError: fewer than three images per path, or a pixel that is not finite.

    >>> path_straightness(np.array([[[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]]))
    array([1.4])
    """
    steps = _steps(decoded)
    ends = np.linalg.norm((decoded[:, -1] - decoded[:, 0]).reshape(len(decoded), -1), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        straightness: NDArray[np.float64] = steps.sum(1) / ends
    return straightness


def _steps(decoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of each step, (P, T - 1)."""
    if decoded.ndim < 3 or 0 in decoded.shape:
        raise UserError(f"decoded has shape {decoded.shape}, but must be (paths, steps, pixels ...); stack the paths")
    if decoded.shape[1] < 3:
        raise UserError(f"decoded has {decoded.shape[1]} images per path, but at least three are needed; give more")
    finite("decoded", decoded)
    lengths: NDArray[np.float64] = np.linalg.norm(np.diff(decoded.reshape(*decoded.shape[:2], -1), axis=1), axis=-1)
    return lengths
