"""What every prior offers to a model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

# q(z | x, c) of the model that the prior is part of, from pictures and their conditions.
Infer = Callable[[Tensor, Tensor | None], Distribution]


class Prior(nn.Module):
    """A module that returns a distribution over the code of one latent."""

    @abstractmethod
    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The prior p(z | c), of batch shape (B,) or ().

        Args:
            c: the condition, for priors that depend on it.
            infer: the model's own q(z | x, c), for priors built from posteriors of pseudo-inputs.
        """

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` codes, their distances from the prior's mean multiplied by the temperature."""
        p = self.forward(c, infer)
        return torch.lerp(p.mean, p.expand((n,)).sample(), temperature)
