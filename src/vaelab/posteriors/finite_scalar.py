"""Finite scalar quantisation."""

from __future__ import annotations

from math import prod

from torch import Tensor
from vector_quantize_pytorch import FSQ

from vaelab.contract import Network
from vaelab.posteriors.quantising import QuantisingPosterior
from vaelab.sizes import CodeSpace


class FiniteScalarPosterior(QuantisingPosterior):
    """Each entry of a vector bounded and rounded to one of a few levels; the codebook is the grid of all levels.

    Mentzer et al. (2024), "Finite Scalar Quantization", section 3.1. If `latent` differs from the number of levels,
    learned linear projections map to the rounded entries and back; nothing else is learned.

    Args:
        network, latent: as in `QuantisingPosterior`.
        levels: number of levels of each entry.
    """

    def __init__(self, network: Network, latent: int, levels: tuple[int, ...]) -> None:
        super().__init__(network, latent, CodeSpace(network.positions, prod(levels)))
        self.quantiser = FSQ(list(levels), dim=latent)

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """The rounded vectors and their codes."""
        quantised, codes = self.quantiser(vectors)
        return quantised, codes.long()

    def codes_of(self, vectors: Tensor) -> Tensor:
        """The index of the rounded vector in the grid, (B, positions)."""
        codes: Tensor = self.quantiser.codes_to_indices(self.quantiser.quantize(self.quantiser.project_in(vectors)))
        return codes.long()

    def look_up(self, codes: Tensor) -> Tensor:
        """The grid's vectors, (N, positions, latent), for codes (N, slots)."""
        vectors: Tensor = self.quantiser.indices_to_codes(codes)
        return vectors
