"""FactorVAE's loss with its discriminator."""

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
    """-ELBO + gamma E[logit D(z)], and the discriminator's own cross-entropy.

    Kim and Mnih (2018), algorithm 2, both updates from one backward pass: the model sees a copy of the
    discriminator whose weights are held fixed, and the discriminator sees codes that are held fixed. Two things differ
    from the paper: dimensions are shuffled within the model's own batch instead of a second one, and the run's
    optimiser, with its rate and its clipping, trains both.

    Args:
        gamma: weight of the total correlation.
        latent: D, dimensions of the code.
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
        codes = latent.code.flatten(0, 1)
        fixed = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        correlation = functional_call(self.discriminator, fixed, (codes,))

        joint, product = codes.detach(), shuffled(codes.detach())
        # -log D for draws of q(z) and -log (1 - D) for shuffled ones, D the sigmoid of the logit.
        told_apart = softplus(-self.discriminator(joint)) + softplus(self.discriminator(product))
        loss: Tensor = trace.cost().mean() + self.gamma * correlation.mean() + told_apart.mean() / 2
        return loss


def shuffled(codes: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Each dimension in an order of its own: draws from the product of the marginals (algorithm 1)."""
    orders = torch.rand_like(codes).argsort(0)
    return codes.gather(0, orders)
