"""The fully connected network."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.contract import Network
from vaelab.networks.conditions import with_condition
from vaelab.sizes import Sizes


class MlpNetwork(Network):
    """Linear layers with ReLU between them; the condition is appended to x, flattened, and to z.

    Kingma and Welling (2014), appendix C, with ReLU. Without hidden layers the decoder is affine, and with normal
    pixels the model is probabilistic PCA.

    Args:
        hidden: widths of the encoder's hidden layers; the decoder's are these in reverse.
        sizes: the sizes that the network is built for.
    """

    def __init__(self, hidden: tuple[int, ...], sizes: Sizes) -> None:
        super().__init__()
        self.output = sizes.decoded

        down = [prod(sizes.encoded) + sizes.condition, *hidden]
        self.features = down[-1]
        encoder: list[nn.Module] = []
        for wide, narrow in pairwise(down):
            encoder += [nn.Linear(wide, narrow), nn.ReLU()]
        self.encoder = nn.Sequential(*encoder)

        up = [sizes.latent + sizes.condition, *reversed(hidden), prod(self.output)]
        decoder: list[nn.Module] = []
        for narrow, wide in pairwise(up):
            decoder += [nn.Linear(narrow, wide), nn.ReLU()]
        self.decoder = nn.Sequential(*decoder[:-1])

    def encode(self, x: Float[Tensor, "B ..."], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B F"]:
        """Features h of each x; without hidden layers, x and the condition."""
        h: Tensor = self.encoder(with_condition(torch.flatten(x, 1), c))
        return h

    def decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N ..."]:
        """Parameters of the likelihood for each pixel or column."""
        theta: Tensor = self.decoder(with_condition(z, c))
        return torch.unflatten(theta, -1, self.output)
