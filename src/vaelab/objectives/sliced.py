"""The sliced Wasserstein distance between two sets of points."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


def squared_sliced_wasserstein(a: Float[Tensor, "N D"], b: Float[Tensor, "N D"], projections: int) -> Tensor:
    """Mean squared 2-Wasserstein distance of two sets of as many points, over projections on random directions.

    W_2^2 of projections on one axis is the mean squared difference of their sorted values: Kolouri et al. (2019),
    "Sliced-Wasserstein Auto-Encoders". Directions are uniform on the sphere.

    >>> squared_sliced_wasserstein(torch.tensor([[3.0], [0.0]]), torch.tensor([[1.0], [3.0]]), 5).item()
    0.5
    """
    directions = normalize(torch.randn(a.shape[1], projections, dtype=a.dtype, device=a.device), dim=0)
    distance: Tensor = ((a @ directions).sort(0).values - (b @ directions).sort(0).values).square().mean()
    return distance
