"""The standard normal prior."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Infer, Prior
from vaelab.distributions import diagonal_normal


class StandardNormalPrior(Prior):
    """p(z) = N(0, I), the same for every condition (Kingma and Welling 2014).

    Args:
        latent: D, dimensions of z.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        # As buffers they follow the model's device and dtype; as constants they are not saved.
        self.register_buffer("mean", torch.zeros(latent), persistent=False)
        self.register_buffer("scale", torch.ones(latent), persistent=False)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """N(0, I), of batch shape ()."""
        return diagonal_normal(self.mean, self.scale)
