"""The maximum mean discrepancy between two sets of points."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.objectives.kernels import KernelSpec


def squared_mmd(a: Float[Tensor, "N D"], b: Float[Tensor, "M D"]) -> Tensor:
    """Squared maximum mean discrepancy between two sets of points, never negative.

    mean k(a, a') + mean k(b, b') - 2 mean k(a, b), with k(u, v) = exp(-|u - v|^2 / D): Gretton et al. (2012),
    equation 5. The bandwidth is proportional to D, as squared distances are.

    >>> points = torch.zeros(3, 2)
    >>> squared_mmd(points, points).item()
    0.0
    """

    def kernel(u: Tensor, v: Tensor) -> Tensor:
        return torch.exp(-(u[:, None] - v).square().mean(-1)).mean()

    return kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)


def unbiased_squared_mmd(a: Float[Tensor, "*S N D"], b: Float[Tensor, "*S N D"], kernel: KernelSpec) -> Tensor:
    """Unbiased estimate of the squared maximum mean discrepancy of two distributions from N draws of each; may be < 0.

    sum_{i != j} [k(a_i, a_j) + k(b_i, b_j)] / (N (N - 1)) - 2 sum_ij k(a_i, b_j) / N^2: Gretton et al. (2012),
    equation 3. A single draw of each has no pairs, so that the first sum is 0.
    """
    n, dimensions = a.shape[-2:]

    def kernels(u: Tensor, v: Tensor) -> Tensor:
        return kernel((u[..., :, None, :] - v[..., None, :, :]).square().sum(-1), dimensions)

    def over_pairs(points: Tensor) -> Tensor:
        k = kernels(points, points)
        return (k.sum((-2, -1)) - k.diagonal(dim1=-2, dim2=-1).sum(-1)) / max(n * (n - 1), 1)

    return over_pairs(a) + over_pairs(b) - 2 * kernels(a, b).mean((-2, -1))
