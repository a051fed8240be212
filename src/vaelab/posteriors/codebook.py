"""Posteriors that quantise: by a codebook, by codebooks in a row, by rounding."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Distribution
from vector_quantize_pytorch import FSQ, ResidualVQ, VectorQuantize

from vaelab.distributions import PointMass, full_precision, in_full
from vaelab.errors import UserError
from vaelab.networks.network import Network
from vaelab.posteriors.posterior import Posterior
from vaelab.sizes import Codes
from vaelab.trace import Draw


class QuantisingPosterior(Posterior):
    """q(code | x) = 1 at the code of each place's vector; gradients pass straight through to the vector.

    Van den Oord, Vinyals and Kavukcuoglu (2017), equations 1 and 2. The quantisers are those of
    vector-quantize-pytorch.

    Args:
        network: whose features it reads.
        latent: dimensions of the vector at each place.
        codes: how many integers in all, and below what.
    """

    codes: Codes

    def __init__(self, network: Network, latent: int, codes: Codes) -> None:
        super().__init__()
        self.vector = network.head(latent)
        self.positions, self.latent = network.positions, latent
        self.codes = codes

    @abstractmethod
    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """Quantised vectors, (B, positions, latent), and their codes, (B, positions, ...)."""

    @abstractmethod
    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors, (N, positions, latent), that codes, (N, slots), stand for."""

    def penalty(self, vectors: Tensor, quantised: Tensor) -> Tensor | None:
        """What is added to every objective, (B,); None for nothing."""
        return None

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(code | x), of batch shape (B,); its mean is the quantised vectors. Nothing is learned from it."""
        return self._draw(h, 1, learn=False).q

    def forward(self, h: Float[Tensor, "B F"], samples: int) -> Draw:
        """The code, `samples` times over: there is nothing random in it."""
        return self._draw(h, samples, learn=self.training)

    def read(self, codes: Int[Tensor, "N slots"]) -> Float[Tensor, "N D"]:
        """The vectors that the codes stand for, place by place.

        Raises:
            UserError: another number of codes than slots, or a code that the codebook does not have.
        """
        slots, size = self.codes
        if codes.shape[1] != slots:
            raise UserError(f"codes are {codes.shape[1]} a picture, but the model has {slots}; give one a slot")
        if len(codes) and not bool(((codes >= 0) & (codes < size)).all()):
            raise UserError(f"codes run from {codes.min()} to {codes.max()}, but must be from 0 to {size - 1}")
        return self.look_up(codes).flatten(1)

    def _draw(self, h: Tensor, samples: int, learn: bool) -> Draw:
        with full_precision(h):
            vectors = self.vector(in_full(h)).unflatten(1, (self.positions, self.latent))
            quantised, codes = self.quantise(vectors, learn)
        z, code = quantised.flatten(1), codes.flatten(1)
        q = PointMass(code, self.codes.size, z.detach())
        return Draw(
            q=q,
            code=code.expand(samples, *code.shape),
            z=z.expand(samples, *z.shape),
            penalty=self.penalty(vectors, quantised),
        )


class CodebookPosterior(QuantisingPosterior):
    """The nearest vector of a codebook that follows moving averages of what is assigned to it.

    Van den Oord, Vinyals and Kavukcuoglu (2017), equations 1 to 3 and appendix A.1; codes that are hardly used
    restart at a vector of the batch (Dhariwal et al. 2020, appendix B.1).

    Args:
        network, latent: as `QuantisingPosterior`.
        size: K, vectors in the codebook.
        commitment: weight of the squared distance between vector and code, summed over dimensions.
        decay: memory of the moving averages.
        restart_below: a code used less often a batch restarts.
    """

    def __init__(
        self, network: Network, latent: int, size: int, commitment: float, decay: float, restart_below: float
    ) -> None:
        super().__init__(network, latent, Codes(network.positions, size))
        self.commitment = commitment
        # The library's own commitment loss is a mean over everything; ours is per image and in the trace's units.
        self.quantiser = VectorQuantize(
            latent, size, decay=decay, commitment_weight=0.0, threshold_ema_dead_code=restart_below
        )

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """The nearest vectors; with `learn` the codebook moves."""
        quantised, codes, _ = self.quantiser(vectors.detach(), freeze_codebook=not learn)
        return straight_through(vectors, quantised), codes

    def look_up(self, codes: Tensor) -> Tensor:
        """The codebook's vectors."""
        vectors: Tensor = self.quantiser.get_output_from_indices(codes)
        return vectors

    def penalty(self, vectors: Tensor, quantised: Tensor) -> Tensor:
        """commitment |vector - code|^2, which draws vectors to their codes, (B,)."""
        return commitment_loss(self.commitment, vectors, quantised)


class ResidualCodebookPosterior(QuantisingPosterior):
    """Codebooks in a row: each quantises what those before it left of the vector.

    Zeghidour et al. (2021), "SoundStream", algorithm 1.

    Args:
        network, latent, size, commitment, decay, restart_below: as `CodebookPosterior`.
        levels: how many codebooks.
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
        super().__init__(network, latent, Codes(network.positions * levels, size))
        self.commitment = commitment
        self.quantiser = ResidualVQ(
            dim=latent,
            codebook_size=size,
            num_quantizers=levels,
            decay=decay,
            commitment_weight=0.0,
            threshold_ema_dead_code=restart_below,
        )

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """What the codes of all levels add up to; with `learn` the codebooks move."""
        quantised, codes, _ = self.quantiser(vectors.detach(), freeze_codebook=not learn)
        return straight_through(vectors, quantised), codes

    def look_up(self, codes: Tensor) -> Tensor:
        """The sums of the codebooks' vectors."""
        vectors: Tensor = self.quantiser.get_output_from_indices(codes.unflatten(1, (self.positions, -1)))
        return vectors

    def penalty(self, vectors: Tensor, quantised: Tensor) -> Tensor:
        """commitment |vector - sum of codes|^2, (B,)."""
        return commitment_loss(self.commitment, vectors, quantised)


class FiniteScalarPosterior(QuantisingPosterior):
    """Each number bounded and rounded to one of a few levels; the grid of all is the codebook.

    Mentzer et al. (2024), "Finite Scalar Quantization", section 3.1. Nothing is learned but the projections to
    the numbers that are rounded and back, where the vector has another length.

    Args:
        network, latent: as `QuantisingPosterior`.
        levels: of each number.
    """

    def __init__(self, network: Network, latent: int, levels: tuple[int, ...]) -> None:
        size = int(torch.tensor(levels).prod())
        super().__init__(network, latent, Codes(network.positions, size))
        self.quantiser = FSQ(list(levels), dim=latent)

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """The rounded vectors."""
        quantised, codes = self.quantiser(vectors)
        return quantised, codes.long()

    def look_up(self, codes: Tensor) -> Tensor:
        """The grid's vectors."""
        vectors: Tensor = self.quantiser.indices_to_codes(codes)
        return vectors


def straight_through(vectors: Tensor, quantised: Tensor) -> Tensor:
    """The very numbers of `quantised`, with the gradient of `vectors`, whatever the mode of the model.

    The library would turn and stretch the gradient (its rotation trick), and for codebooks in a row add it up.
    """
    return quantised.detach() + (vectors - vectors.detach())


def commitment_loss(weight: float, vectors: Tensor, quantised: Tensor) -> Float[Tensor, " B"]:
    """weight |vector - code|^2, the code held fixed, summed over places and dimensions."""
    return weight * (vectors - quantised.detach()).square().flatten(1).sum(-1)
