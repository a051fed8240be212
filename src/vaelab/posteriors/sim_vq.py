"""Vector quantisation with a frozen codebook behind one learned linear map."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from vaelab.contract import Network
from vaelab.posteriors.codebook import nearest, rotated
from vaelab.posteriors.quantising import QuantisingPosterior, straight_through
from vaelab.sizes import CodeSpace


class SimVqPosterior(QuantisingPosterior):
    """The nearest of the vectors e_k W, with random vectors e_k that stay as they are and a matrix W that learns.

    Zhu et al. (2024), "Addressing Representation Collapse in Vector Quantized Models with One Linear Layer". A step of
    W moves all codes, those without vectors too. It begins as the identity.

    Args:
        network, latent: as in `QuantisingPosterior`.
        size: number of vectors in the codebook.
        commitment: weight of |vector - sg[quantised]|^2; that of |sg[vector] - quantised|^2 is one.
        rotation: rotate the gradient, see `rotated`.
    """

    frozen: Tensor

    def __init__(self, network: Network, latent: int, size: int, commitment: float, rotation: bool) -> None:
        super().__init__(network, latent, CodeSpace(network.positions, size))
        self.register_buffer("frozen", torch.randn(size, latent) / latent**0.5)
        self.map = nn.Linear(latent, latent, bias=False)
        nn.init.eye_(self.map.weight)
        self.commitment = commitment
        self.pass_gradient = rotated if rotation else straight_through

    @property
    def codebook(self) -> Float[Tensor, "K D"]:
        """The vectors of all codes."""
        vectors: Tensor = self.map(self.frozen)
        return vectors

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """The nearest vectors and their codes, with the gradient of `vectors`."""
        codes = self.codes_of(vectors)
        return self.pass_gradient(vectors, self.codebook[codes]), codes

    def codes_of(self, vectors: Tensor) -> Tensor:
        """The index of the nearest vector, (B, positions)."""
        return nearest(vectors.detach(), self.codebook.detach())

    def look_up(self, codes: Tensor) -> Tensor:
        """The codebook's vectors, (N, positions, latent), for codes (N, slots)."""
        return self.codebook[codes]

    def penalty(self, vectors: Tensor, quantised: Tensor) -> Float[Tensor, " B"]:
        """|sg[vector] - quantised|^2 + commitment |vector - sg[quantised]|^2, (B,); only the first reaches W."""
        # `quantised` has the gradient of the vectors, so that of W is taken through the codes once more.
        found = self.codebook[self.codes_of(vectors)]
        to_code = mse_loss(found, vectors.detach(), reduction="none")
        to_vector = mse_loss(vectors, found.detach(), reduction="none")
        return (to_code + self.commitment * to_vector).flatten(1).sum(-1)
