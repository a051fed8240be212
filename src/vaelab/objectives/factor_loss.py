"""The loss of `Factor`, with its discriminator."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.contract import Trace
from vaelab.objectives.discriminators import cross_entropy, discriminator, with_fixed_weights
from vaelab.schedules import Progress


class FactorLoss(nn.Module):
    """-ELBO + gamma E[logit D(z)], plus the discriminator's cross-entropy.

    Kim and Mnih (2018), algorithm 2, with both updates from one backward pass: in the model's term the discriminator's
    weights are detached, in the discriminator's term the latents are. There are two differences from the paper:
    dimensions are permuted within the model's batch instead of a second one, and one optimiser, with the run's learning
    rate and clipping, trains both.

    Args:
        gamma: weight of the total correlation.
        latent: D, dimensions of z.
        hidden: widths of the discriminator.
    """

    def __init__(self, gamma: float, latent: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.gamma = gamma
        self.discriminator = discriminator(latent, hidden)

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        (latent,) = trace.latents
        z = latent.code.flatten(0, 1)
        correlation: Tensor = with_fixed_weights(self.discriminator, z).mean()
        # D is 1 for draws of q(z) and 0 for permuted ones.
        entropy = cross_entropy(self.discriminator, z, permuted(z.detach()))
        return trace.cost().mean() + self.gamma * correlation + entropy / 2


def permuted(z: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Each dimension permuted independently: draws from the product of the marginals (algorithm 1)."""
    orders = torch.rand_like(z).argsort(0)
    return z.gather(0, orders)
