"""Vector quantisation with codebooks that follow moving averages."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from vector_quantize_pytorch import VectorQuantize
from vector_quantize_pytorch.vector_quantize_pytorch import rotate_to

from vaelab.contract import Network
from vaelab.posteriors.quantising import QuantisingPosterior, straight_through
from vaelab.sizes import CodeSpace


class LearnedCodes(QuantisingPosterior):
    """Base of posteriors whose codebooks follow moving averages of the vectors assigned to each code.

    Van den Oord, Vinyals and Kavukcuoglu (2017), appendix A.1; rarely used codes restart at a vector of the batch
    (Dhariwal et al. 2020, section 3.1).

    Args:
        network, latent, code_space: as in `QuantisingPosterior`.
        quantiser: a module of vector-quantize-pytorch, with its commitment loss off: that loss is averaged over all
            dimensions, whereas `penalty` is summed over them, per image.
        commitment: weight of the squared distance between vectors and quantised vectors, summed over dimensions.
        restart_below: share of the average use below which a code restarts.
        rotation: rotate the gradient, see `rotated`.
    """

    def __init__(
        self,
        network: Network,
        latent: int,
        code_space: CodeSpace,
        quantiser: nn.Module,
        commitment: float,
        restart_below: float,
        rotation: bool = False,
    ) -> None:
        super().__init__(network, latent, code_space)
        self.pass_gradient = rotated if rotation else straight_through
        self.quantiser = quantiser
        self.commitment, self.restart_below = commitment, restart_below

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """The nearest vectors, summed over levels, and their codes; with `learn` the codebooks are updated."""
        # A batch with a non-finite vector is not learned from: the optimiser skips its step as well.
        learn = learn and bool(vectors.isfinite().all())
        use = len(vectors) * self.positions / self.code_space.size
        # The library's threshold is an absolute count, so it is set for the size of each batch. Its codebook classes
        # vary; all of them have `reset_cluster_size`.
        codebooks: list[Any] = [part for part in self.quantiser.modules() if hasattr(part, "reset_cluster_size")]
        for codebook in codebooks:
            codebook.threshold_ema_dead_code = self.restart_below * use
            # A restarted code starts with the average use, so that it is not restarted again before vectors find it.
            codebook.reset_cluster_size = use
        quantised, codes, _ = self.quantiser(vectors.detach(), freeze_codebook=not learn)
        return self.pass_gradient(vectors, quantised), codes

    def penalty(self, vectors: Tensor, quantised: Tensor) -> Float[Tensor, " B"]:
        """commitment |vector - quantised|^2, (B,); the gradient reaches the encoder only."""
        distance = mse_loss(vectors, quantised.detach(), reduction="none")
        return self.commitment * distance.flatten(1).sum(-1)


class CodebookPosterior(LearnedCodes):
    """Vector quantisation with one codebook: van den Oord et al. (2017), equations 1 to 3.

    Args:
        network, latent, commitment, restart_below, rotation: as in `LearnedCodes`.
        size: number of vectors in the codebook.
        decay: decay of the moving averages.
    """

    def __init__(
        self,
        network: Network,
        latent: int,
        size: int,
        commitment: float,
        decay: float,
        restart_below: float,
        rotation: bool,
    ) -> None:
        quantiser = VectorQuantize(
            latent, size, decay=decay, commitment_weight=0.0, threshold_ema_dead_code=restart_below
        )
        code_space = CodeSpace(network.positions, size)
        super().__init__(network, latent, code_space, quantiser, commitment, restart_below, rotation)

    def codes_of(self, vectors: Tensor) -> Tensor:
        """The index of the nearest vector, (B, positions)."""
        return nearest(vectors, self.quantiser.codebook)  # type: ignore[arg-type]

    def look_up(self, codes: Tensor) -> Tensor:
        """The codebook's vectors, (N, positions, latent), for codes (N, slots)."""
        vectors: Tensor = self.quantiser.get_output_from_indices(codes)  # type: ignore[operator]
        return vectors


def nearest(vectors: Float[Tensor, "*N D"], codebook: Float[Tensor, "K D"]) -> Int[Tensor, "*N"]:
    """argmin_k |v - e_k|^2 = argmin_k |e_k|^2 - 2 v . e_k: van den Oord et al. (2017), equation 1."""
    return (codebook.square().sum(-1) - 2 * vectors @ codebook.T).argmin(-1)


def rotated(vectors: Tensor, quantised: Tensor) -> Tensor:
    """The values of `quantised`; the gradient is turned by the rotation that takes quantised to vector, and scaled.

    q = (|q| / |v|) R v with R, the rotation from v to q, and the ratio held constant: the rotation trick of Fifty et
    al. (2024), "Restructuring Vector Quantization with the Rotation Trick", section 4.
    """
    return straight_through(rotate_to(vectors, quantised.detach()), quantised)
