"""The conditional normal prior."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.contract import Infer, Prior
from vaelab.distributions import as_float32, diagonal_normal


class ConditionalNormalPrior(Prior):
    """A normal distribution whose mean and log variance are linear in the condition.

    p(z | c) = N(z; A c, diag(exp(B c))), A and B learned: the conditional prior network of Sohn, Lee and Yan (2015),
    section 4.1, here linear, so that one-hot labels give one normal per class. A starts at small random values and
    B at 0: all classes start near N(0, I).

    Args:
        latent: D, dimensions of z.
        condition: K, dimensions of the condition.
    """

    def __init__(self, latent: int, condition: int) -> None:
        super().__init__()
        self.mean = nn.Linear(condition, latent, bias=False)
        self.log_variance = nn.Linear(condition, latent, bias=False)
        nn.init.normal_(self.mean.weight, std=0.1)
        nn.init.zeros_(self.log_variance.weight)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The normal distribution of each condition, of batch shape (B,)."""
        assert c is not None
        scale = torch.exp(as_float32(self.log_variance(c)) / 2)
        return diagonal_normal(as_float32(self.mean(c)), scale)
