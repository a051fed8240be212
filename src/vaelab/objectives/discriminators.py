"""Discriminators of latents and of images, and a module with fixed weights within a loss."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from vaelab.errors import UserError

_SLOPE = 0.2


def with_fixed_weights(module: nn.Module, *inputs: Tensor) -> Any:
    """What a module returns, with a gradient for its inputs and none for its weights."""
    fixed = {name: weight.detach() for name, weight in module.named_parameters()}
    return functional_call(module, fixed, inputs)


def discriminator(latent: int, hidden: tuple[int, ...]) -> nn.Sequential:
    """A network from z to the logit of D(z), with leaky rectifiers (Kim and Mnih 2018, appendix)."""
    layers: list[nn.Module] = []
    for wide, narrow in pairwise((latent, *hidden)):
        layers += [nn.Linear(wide, narrow), nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*layers, nn.Linear((latent, *hidden)[-1], 1))


def cross_entropy(network: nn.Module, real: Float[Tensor, "N D"], fake: Float[Tensor, "N D"]) -> Tensor:
    """-E log D(real) - E log (1 - D(fake)), whose gradient reaches the discriminator but not the points.

    D is the sigmoid of the logit. A discriminator that cannot tell the two apart has log 4.
    """
    nats: Tensor = (softplus(-network(real.detach())) + softplus(network(fake.detach()))).mean()
    return nats


class ImageDiscriminator(nn.Module):
    """From images to hidden features and one logit each: 5x5 convolutions that halve the image, then a linear layer.

    Larsen et al. (2016), table 1, with group normalisation in place of batch normalisation, so that the logit of an
    image does not depend on the others of its batch, and without the fully connected hidden layer.

    Args:
        shape: (C, H, W) of the images.
        channels: after each halving; odd sizes round up.
    """

    def __init__(self, shape: tuple[int, int, int], channels: tuple[int, ...]) -> None:
        super().__init__()
        colours, height, width = shape
        layers: list[nn.Module] = []
        for number, (wide, deep) in enumerate(pairwise((colours, *channels))):
            layers.append(nn.Conv2d(wide, deep, 5, stride=2, padding=2))
            # None on the first map, whose overall contrast tells images apart.
            layers += [nn.GroupNorm(1, deep)] if number else []
            layers.append(nn.LeakyReLU(_SLOPE))
            height, width = (height + 1) // 2, (width + 1) // 2
        self.hidden = nn.Sequential(*layers)
        self.logit = nn.Linear(channels[-1] * height * width, 1)

    def forward(self, x: Float[Tensor, "N C H W"]) -> tuple[Float[Tensor, "N F"], Float[Tensor, " N"]]:
        """The features of the last convolution, and the logit of the probability that the image is real."""
        hidden: Tensor = self.hidden(x).flatten(1)
        return hidden, self.logit(hidden).squeeze(1)


class PatchDiscriminator(nn.Module):
    """From images to a map of logits, one for each of the overlapping patches that its convolutions see.

    Isola et al. (2017), section 6.1.2: 4x4 convolutions that halve the image and double the channels, up to eight times
    the first, then two that keep its size, less one pixel. Group normalisation replaces batch normalisation, so that
    the logits of an image do not depend on the others of its batch. Small images are halved less often, so that at
    least one patch is left: 32 x 32 has three halvings, 16 x 16 two, 8 x 8 one.

    Args:
        shape: (C, H, W) of the images.
        width: channels of the first convolution.
        halvings: their largest number.

    Raises:
        UserError: images of fewer than three pixels on a side.
    """

    def __init__(self, shape: tuple[int, int, int], width: int, halvings: int) -> None:
        super().__init__()
        colours, *sides = shape
        if min(sides) < 3:
            raise UserError(f"a patch discriminator takes images from 3 x 3 pixels on, but these have {sides}")
        while min(sides) >> halvings < 3:
            halvings -= 1
        channels = [width * min(2**number, 8) for number in range(halvings + 1)]
        layers: list[nn.Module] = []
        for number, (wide, deep) in enumerate(pairwise((colours, *channels))):
            layers.append(nn.Conv2d(wide, deep, 4, stride=2 if number < halvings else 1, padding=1))
            layers += [nn.GroupNorm(1, deep)] if number else []
            layers.append(nn.LeakyReLU(_SLOPE))
        # No bias: of a hinge loss, real and fake images push it equally in opposite directions.
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, 4, padding=1, bias=False))

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N 1 h w"]:
        """The logits of the patches."""
        logits: Tensor = self.layers(x)
        return logits
