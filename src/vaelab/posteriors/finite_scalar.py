"""The posterior that rounds."""

from __future__ import annotations

from math import prod

from torch import Tensor
from vector_quantize_pytorch import FSQ

from vaelab.contract import CodeSpace, Network
from vaelab.posteriors.quantising import QuantisingPosterior


class FiniteScalarPosterior(QuantisingPosterior):
    """Each number bounded and rounded to one of a few levels; the grid of all is the codebook.

    Mentzer et al. (2024), "Finite Scalar Quantization", section 3.1. Nothing is learned but the projections to
    the numbers that are rounded and back, where the vector has another length.

    Args:
        network, latent: as `QuantisingPosterior`.
        levels: of each number.
    """

    def __init__(self, network: Network, latent: int, levels: tuple[int, ...]) -> None:
        super().__init__(network, latent, CodeSpace(network.positions, prod(levels)))
        self.quantiser = FSQ(list(levels), dim=latent)

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """The rounded vectors."""
        quantised, codes = self.quantiser(vectors)
        return quantised, codes.long()

    def look_up(self, codes: Tensor) -> Tensor:
        """The grid's vectors."""
        vectors: Tensor = self.quantiser.indices_to_codes(codes)
        return vectors
