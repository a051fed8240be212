"""The loss of `Factor`, with its discriminator."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from vaelab.contract import Trace
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
        layers: list[nn.Module] = []
        for wide, narrow in pairwise((latent, *hidden)):
            layers += [nn.Linear(wide, narrow), nn.LeakyReLU(0.2)]
        self.discriminator = nn.Sequential(*layers, nn.Linear((latent, *hidden)[-1], 1))

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        (latent,) = trace.latents
        z = latent.code.flatten(0, 1)
        fixed = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        correlation = functional_call(self.discriminator, fixed, (z,))

        joint, product = z.detach(), permuted(z.detach())
        # -log D for draws of q(z) and -log (1 - D) for permuted ones, D the sigmoid of the logit.
        cross_entropy = softplus(-self.discriminator(joint)) + softplus(self.discriminator(product))
        loss: Tensor = trace.cost().mean() + self.gamma * correlation.mean() + cross_entropy.mean() / 2
        return loss


def permuted(z: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Each dimension permuted independently: draws from the product of the marginals (algorithm 1)."""
    orders = torch.rand_like(z).argsort(0)
    return z.gather(0, orders)
