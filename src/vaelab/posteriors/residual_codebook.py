"""Residual vector quantisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from vector_quantize_pytorch import ResidualVQ

from vaelab.contract import Network
from vaelab.posteriors.codebook import LearnedCodes, nearest
from vaelab.sizes import CodeSpace


class ResidualCodebookPosterior(LearnedCodes):
    """Vector quantisation with several codebooks, each applied to the residual of those before it.

    Zeghidour et al. (2021), "SoundStream", algorithm 1.

    Args:
        network, latent, size, commitment, decay, restart_below: as in `CodebookPosterior`.
        levels: number of codebooks.
    """

    def __init__(
        self,
        network: Network,
        latent: int,
        size: int,
        levels: int,
        commitment: float,
        decay: float,
        restart_below: float,
    ) -> None:
        quantiser = ResidualVQ(
            dim=latent,
            codebook_size=size,
            num_quantizers=levels,
            decay=decay,
            commitment_weight=0.0,
            threshold_ema_dead_code=restart_below,
        )
        code_space = CodeSpace(network.positions * levels, size)
        super().__init__(network, latent, code_space, quantiser, commitment, restart_below)

    def codes_of(self, vectors: Tensor) -> Tensor:
        """The index of the nearest vector of each level, (B, positions, levels)."""
        return nearest_by_level(vectors, list(self.quantiser.codebooks))  # type: ignore[arg-type]

    def look_up(self, codes: Tensor) -> Tensor:
        """The sums of the codebooks' vectors, (N, positions, latent), for codes (N, slots)."""
        # The library's own function cannot be exported.
        return sum_of_levels(codes, list(self.quantiser.codebooks), self.positions)  # type: ignore[arg-type]


def nearest_by_level(vectors: Tensor, codebooks: Sequence[Tensor]) -> Tensor:
    """The index of the nearest vector of each level, (B, positions, levels), each to what those before it leave."""
    codes = []
    for codebook in codebooks:
        codes.append(nearest(vectors, codebook))
        vectors = vectors - codebook[codes[-1]]
    return torch.stack(codes, -1)


def sum_of_levels(codes: Tensor, codebooks: Sequence[Tensor], positions: int) -> Tensor:
    """The sums of the vectors of all levels, (N, positions, latent), for codes (N, slots)."""
    each = codes.unflatten(1, (positions, -1)).unbind(-1)
    return torch.stack([codebook[code] for codebook, code in zip(codebooks, each, strict=True)]).sum(0)
