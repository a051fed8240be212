"""The maximum mean discrepancy between two sets of points."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


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
