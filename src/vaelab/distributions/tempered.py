"""Draws that are less, or more, spread out than those of a distribution."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily


def tempered_sample(p: Distribution, n: int, temperature: float) -> Tensor:
    """`n` draws whose distances from the mean are multiplied by the temperature T; detached.

    Of a mixture, the distances from the mean of the component that was drawn, which is chosen in proportion to its
    weight to the power of 1 / T. All draws of a mixture at T = 0 are thus the mean of its heaviest component, or of
    one of them at random: not the mean of the mixture, which may lie where there is no component.

    Args:
        p: of batch shape () or (n,).
        n: number of draws.
        temperature: T >= 0; 1 draws from p itself.
    """
    if not isinstance(p, MixtureSameFamily):
        return torch.lerp(p.mean, p.expand((n,)).sample(), temperature)
    weights = p.mixture_distribution
    # A tie between the heaviest components stays a tie, however cold.
    logits = (weights.logits - weights.logits.max(-1, keepdim=True).values) / max(temperature, 1e-6)
    chosen = Categorical(logits=logits, validate_args=False).expand((n,)).sample()
    components = p.component_distribution
    shape = (n, components.batch_shape[-1])
    drawn = components.expand(shape).sample()
    tempered = torch.lerp(components.mean.expand(drawn.shape), drawn, temperature)
    return tempered[torch.arange(n, device=drawn.device), chosen]
