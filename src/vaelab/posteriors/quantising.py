"""What posteriors that quantise have in common."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import CodeSpace, Draw, Network, Posterior
from vaelab.distributions import PointMass, as_float32, no_autocast
from vaelab.errors import UserError


class QuantisingPosterior(Posterior):
    """q(code | x) = 1 at the code of each place's vector; gradients pass straight through to the vector.

    Van den Oord, Vinyals and Kavukcuoglu (2017), equations 1 and 2. The quantisers are those of
    vector-quantize-pytorch.

    Args:
        network: whose features it reads.
        latent: dimensions of the vector at each place.
        code_space: the number of integers, and their bound.
    """

    code_space: CodeSpace

    def __init__(self, network: Network, latent: int, code_space: CodeSpace) -> None:
        super().__init__()
        self.vector = network.head(latent)
        self.positions, self.latent = network.positions, latent
        self.code_space = code_space

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
        slots, size = self.code_space
        if codes.shape[1] != slots:
            raise UserError(f"codes are {codes.shape[1]} an image, but the model has {slots}; give one a slot")
        if len(codes) and not bool(((codes >= 0) & (codes < size)).all()):
            raise UserError(f"codes run from {codes.min()} to {codes.max()}, but must be from 0 to {size - 1}")
        return self.look_up(codes).flatten(1)

    def _draw(self, h: Tensor, samples: int, learn: bool) -> Draw:
        with no_autocast(h):
            vectors = self.vector(as_float32(h)).unflatten(1, (self.positions, self.latent))
            quantised, codes = self.quantise(vectors, learn)
        z, code = quantised.flatten(1), codes.flatten(1)
        q = PointMass(code, self.code_space.size, z.detach(), self.code_space.slots // self.positions)
        return Draw(
            q=q,
            code=code.expand(samples, *code.shape),
            z=z.expand(samples, *z.shape),
            penalty=self.penalty(vectors, quantised),
        )


def straight_through(vectors: Tensor, quantised: Tensor) -> Tensor:
    """The very numbers of `quantised`, with the gradient of `vectors`, whatever the mode of the model.

    The library would turn and stretch the gradient (its rotation trick), and for codebooks in a row add it up.
    """
    return quantised.detach() + (vectors - vectors.detach())
