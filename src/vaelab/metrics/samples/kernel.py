"""The kernel distance between two sets of features, unbiased for any number of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, one_space, points

# The block size of the paper, and the number of blocks that the standard error needs; with few images blocks shrink.
_LARGEST, _BLOCKS = 1000, 10


@dataclass(frozen=True)
class KernelDistance:
    """Result of `kernel_distance`."""

    squared_mmd: float
    """Mean over blocks; it can be negative."""
    standard_error: float
    """Standard error of the mean, from the spread of the blocks."""
    blocks: int
    """Number of disjoint blocks."""
    block: int
    """Images of each set per block."""


def kernel_distance(
    real: Float[NDArray[np.float64], "N F"],
    samples: Float[NDArray[np.float64], "M F"],
    block: int | None = None,
    seed: int = 0,
) -> KernelDistance:
    r"""Unbiased squared maximum mean discrepancy of features under a cubic kernel, as a mean over blocks.

        k(u, v) = (u . v / F + 1)^3

    Bińkowski, Sutherland, Arbel and Gretton (2018); the kernel compares the first three moments. Each block gives the
    unbiased estimate of Gretton et al. (2012), equation 3, whose expectation is 0 for equal distributions at any number
    of images. The blocks are disjoint (Zaremba, Gretton and Blaschko 2013), hence independent, so their spread gives a
    valid standard error. As with `frechet_distance`, the number depends on the network: KID uses Inception, and this is
    not KID.

    `mmd_test` tests whether two sets differ, with a Gaussian kernel whose bandwidth depends on the data. This measures
    the size of the difference, with the same kernel for all models.

    Args:
        real, samples: features, one row per image.
        block: images of each set per block; by default 1,000, or fewer so that there are ten blocks. Rows that do not
            fill a block are not used.
        seed: of the assignment to blocks.

    Raises:
        UserError: fewer than two blocks, or than two images per block; a feature that is not finite; or different
            numbers of features.
    """
    points("real", real)
    points("samples", samples)
    one_space("samples", samples, "real", real)
    fewer = min(len(real), len(samples))
    size = max(2, min(_LARGEST, fewer // _BLOCKS)) if block is None else block
    at_least("block", size, 2)
    blocks = fewer // size
    if blocks < 2:
        raise UserError(f"block is {size}, but the smaller set has {fewer} images; give at least two blocks per set")
    random = np.random.default_rng(seed)
    of_real, of_samples = (
        random.permutation(len(rows))[: blocks * size].reshape(blocks, size) for rows in (real, samples)
    )

    def kernel(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        base = u @ v.T / u.shape[1] + 1
        # Ten times as fast as the general power.
        cube: NDArray[np.float64] = base * base * base
        return cube

    def estimate(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        of_x, of_y = kernel(x, x), kernel(y, y)
        within = of_x.sum() - np.trace(of_x) + of_y.sum() - np.trace(of_y)
        return float(within / (size * (size - 1)) - 2 * kernel(x, y).mean())

    each = [estimate(real[i], samples[j]) for i, j in zip(of_real, of_samples, strict=True)]
    return KernelDistance(float(np.mean(each)), float(np.std(each, ddof=1) / np.sqrt(blocks)), blocks, size)
