"""The posterior with a codebook that follows what is assigned to it."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from vector_quantize_pytorch import VectorQuantize

from vaelab.contract import CodeSpace, Network
from vaelab.posteriors.quantising import QuantisingPosterior, straight_through


class LearnedCodes(QuantisingPosterior):
    """Codebooks that follow moving averages of the vectors that are assigned to them.

    Van den Oord, Vinyals and Kavukcuoglu (2017), appendix A.1; codes that are hardly used restart at a vector of the
    batch (Dhariwal et al. 2020, section 3.1).

    Args:
        network, latent, code_space: as `QuantisingPosterior`.
        quantiser: of vector-quantize-pytorch, with its own commitment loss off: that is a mean over everything,
            ours is per image and in the trace's units.
        commitment: weight of the squared distance between vector and code, summed over dimensions.
        restart_below: a code used less often than this share of the average use restarts.
    """

    def __init__(
        self,
        network: Network,
        latent: int,
        code_space: CodeSpace,
        quantiser: nn.Module,
        commitment: float,
        restart_below: float,
    ) -> None:
        super().__init__(network, latent, code_space)
        self.quantiser = quantiser
        self.commitment, self.restart_below = commitment, restart_below

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """The nearest vectors, or what those of all levels add up to; with `learn` the codebooks move."""
        # Of a batch that is not finite nothing is learned: the step that it belongs to is left out as well.
        learn = learn and bool(vectors.isfinite().all())
        use = len(vectors) * self.positions / self.code_space.size
        # The library takes a number a batch, whatever the batch; its codebooks are named by what they can be told.
        codebooks: list[Any] = [part for part in self.quantiser.modules() if hasattr(part, "reset_cluster_size")]
        for codebook in codebooks:
            codebook.threshold_ema_dead_code = self.restart_below * use
            # A code that restarts counts as used as much as others, and so has time to be found.
            codebook.reset_cluster_size = use
        quantised, codes, _ = self.quantiser(vectors.detach(), freeze_codebook=not learn)
        return straight_through(vectors, quantised), codes

    def penalty(self, vectors: Tensor, quantised: Tensor) -> Float[Tensor, " B"]:
        """commitment |vector - code|^2, the code held fixed, which draws vectors to their codes."""
        distance = mse_loss(vectors, quantised.detach(), reduction="none")
        return self.commitment * distance.flatten(1).sum(-1)


class CodebookPosterior(LearnedCodes):
    """The nearest vector of one codebook: van den Oord et al. (2017), equations 1 to 3.

    Args:
        network, latent, commitment, restart_below: as `LearnedCodes`.
        size: K, vectors in the codebook.
        decay: memory of the moving averages.
    """

    def __init__(
        self, network: Network, latent: int, size: int, commitment: float, decay: float, restart_below: float
    ) -> None:
        quantiser = VectorQuantize(
            latent, size, decay=decay, commitment_weight=0.0, threshold_ema_dead_code=restart_below
        )
        super().__init__(network, latent, CodeSpace(network.positions, size), quantiser, commitment, restart_below)

    def look_up(self, codes: Tensor) -> Tensor:
        """The codebook's vectors."""
        vectors: Tensor = self.quantiser.get_output_from_indices(codes)  # type: ignore[operator]
        return vectors
