"""A discriminator of latents, whose two updates come from one backward pass."""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus


def discriminator(latent: int, hidden: tuple[int, ...]) -> nn.Sequential:
    """A network from z to the logit of D(z), with leaky rectifiers (Kim and Mnih 2018, appendix)."""
    layers: list[nn.Module] = []
    for wide, narrow in pairwise((latent, *hidden)):
        layers += [nn.Linear(wide, narrow), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear((latent, *hidden)[-1], 1))


def logits_for_the_model(network: nn.Module, z: Float[Tensor, "N D"]) -> Float[Tensor, "N 1"]:
    """The logit of D(z), whose gradient reaches z but not the discriminator."""
    fixed = {name: weight.detach() for name, weight in network.named_parameters()}
    logits: Tensor = functional_call(network, fixed, (z,))
    return logits


def cross_entropy(network: nn.Module, real: Float[Tensor, "N D"], fake: Float[Tensor, "N D"]) -> Tensor:
    """-E log D(real) - E log (1 - D(fake)), whose gradient reaches the discriminator but not the points.

    D is the sigmoid of the logit. A discriminator that cannot tell the two apart has log 4.
    """
    nats: Tensor = (softplus(-network(real.detach())) + softplus(network(fake.detach()))).mean()
    return nats
