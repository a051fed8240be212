"""The kernel distance between two sets of features, which has no bias at any number of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.metrics.checks import at_least, one_space, points

# A block is as large as in the paper where that leaves enough of them to tell the error by.
_LARGEST, _BLOCKS = 1000, 10


@dataclass(frozen=True)
class KernelDistance:
    """What `kernel_distance` gives."""

    squared_mmd: float
    """The mean over blocks; it can be negative."""
    standard_error: float
    """Of that mean, by the blocks' own spread."""
    blocks: int
    """How many, disjoint."""
    block: int
    """Images of each set in a block."""


def kernel_distance(
    real: Float[NDArray[np.float64], "N F"],
    samples: Float[NDArray[np.float64], "M F"],
    block: int | None = None,
    seed: int = 0,
) -> KernelDistance:
    r"""The squared maximum mean discrepancy of features under a cubic kernel, unbiased, as a mean over blocks.

    Bińkowski, Sutherland, Arbel and Gretton (2018): k(u, v) = (u . v / F + 1)^3, which compares the first three
    moments; of each block the unbiased estimate of Gretton et al. (2012), equation 3, whose expectation is 0 where the
    laws are the same, however few images there are. The blocks here are disjoint (Zaremba, Gretton and Blaschko
    2013), so that they are independent and their spread is an honest standard error. As with `frechet_distance`, the
    number belongs to the network whose features these are: it is not KID, which is Inception's.

    `mmd_test` tells whether two sets differ at all, with a Gaussian kernel whose width follows the data; this tells by
    how much, with one kernel for all models.

    Args:
        real, samples: features, a row an image.
        block: images of each set in a block; by default 1,000, or fewer to have ten blocks. What is left over of the
            larger set, and beyond the last block, is left out.
        seed: of the draw into blocks.

    Raises:
        UserError: there are fewer than two blocks, or fewer than two images in a block; a feature is not
            finite; or the sets differ in their number of features.
    """
    points("real", real)
    points("samples", samples)
    one_space("samples", samples, "real", real)
    fewer = min(len(real), len(samples))
    size = max(2, min(_LARGEST, fewer // _BLOCKS)) if block is None else block
    at_least("block", size, 2)
    blocks = fewer // size
    if blocks < 2:
        raise UserError(f"block is {size}, but the smaller set has {fewer} images; give at least two blocks of each")
    random = np.random.default_rng(seed)
    of_real, of_samples = (
        random.permutation(len(rows))[: blocks * size].reshape(blocks, size) for rows in (real, samples)
    )

    def kernel(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        base = u @ v.T / u.shape[1] + 1
        # Ten times as quick as the general power.
        cube: NDArray[np.float64] = base * base * base
        return cube

    def estimate(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        of_x, of_y = kernel(x, x), kernel(y, y)
        within = of_x.sum() - np.trace(of_x) + of_y.sum() - np.trace(of_y)
        return float(within / (size * (size - 1)) - 2 * kernel(x, y).mean())

    each = [estimate(real[i], samples[j]) for i, j in zip(of_real, of_samples, strict=True)]
    return KernelDistance(float(np.mean(each)), float(np.std(each, ddof=1) / np.sqrt(blocks)), blocks, size)
