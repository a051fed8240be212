"""Residual vector quantisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor
from vector_quantize_pytorch import ResidualVQ

from vaelab.contract import Network
from vaelab.posteriors.codebook import LearnedCodes
from vaelab.posteriors.residual import ResidualPosterior
from vaelab.sizes import CodeSpace


class ResidualCodebookPosterior(ResidualPosterior, LearnedCodes):
    """Residual vector quantisation with codebooks that follow moving averages.

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

    @property
    def by_level(self) -> Sequence[Tensor]:
        """The codebooks of the library, whose own functions cannot be exported."""
        return list(cast(Tensor, self.quantiser.codebooks))
