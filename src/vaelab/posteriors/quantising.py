"""The base class of posteriors that quantise."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Draw, Network
from vaelab.distributions import PointMass, as_float32, no_autocast
from vaelab.posteriors.codes import CodePosterior
from vaelab.sizes import CodeSpace


class QuantisingPosterior(CodePosterior):
    """A point mass on the codes of each position's vector, with a straight-through gradient to the vector.

    q(code | x) = 1 at the code: van den Oord, Vinyals and Kavukcuoglu (2017), equations 1 and 2. The quantisers are
    those of vector-quantize-pytorch.

    Args:
        network: the network that computes the features h.
        latent: dimensions of the vector at each position.
        code_space: number of slots, and number of codes of each.
    """

    def __init__(self, network: Network, latent: int, code_space: CodeSpace) -> None:
        super().__init__()
        self.vector = network.head(latent)
        self.positions, self.latent = network.positions, latent
        self.code_space = code_space

    @abstractmethod
    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """Quantised vectors, (B, positions, latent), and their codes, (B, positions, ...)."""

    @abstractmethod
    def codes_of(self, vectors: Tensor) -> Tensor:
        """The codes that `quantise` finds for vectors, (B, positions, ...), in operations that can be exported."""

    def penalty(self, vectors: Tensor, quantised: Tensor) -> Tensor | None:
        """A term added to every objective, nats, (B,); None for no term."""
        return None

    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(code | x), of batch shape (B,), with the quantised vectors as mean; does not update codebooks."""
        return self._draw(h, 1, learn=False).q

    def describe(self, h: Float[Tensor, "B F"]) -> dict[str, Tensor]:
        """The codes of each image, (B, slots)."""
        return {"codes": self.codes_of(self._vectors(h)).flatten(1)}

    def forward(self, h: Float[Tensor, "B F"], samples: int) -> Draw:
        """The code, repeated `samples` times, since it is deterministic; updates codebooks in training mode."""
        return self._draw(h, samples, learn=self.training)

    def _vectors(self, h: Tensor) -> Tensor:
        vectors: Tensor = self.vector(as_float32(h)).unflatten(1, (self.positions, self.latent))
        return vectors

    def _draw(self, h: Tensor, samples: int, learn: bool) -> Draw:
        with no_autocast(h):
            vectors = self._vectors(h)
            quantised, codes = self.quantise(vectors, learn)
        # A vector that is not finite, after a step that diverged, has no code. Any code will do for it: the loss is not
        # finite either, and training stops for that reason.
        z, code = quantised.flatten(1), codes.flatten(1).clamp(0, self.code_space.size - 1)
        q = PointMass(code, self.code_space.size, z.detach(), self.code_space.slots // self.positions)
        return Draw(
            q=q,
            code=code.expand(samples, *code.shape),
            z=z.expand(samples, *z.shape),
            penalty=self.penalty(vectors, quantised),
        )


def straight_through(vectors: Tensor, quantised: Tensor) -> Tensor:
    """The values of `quantised` with the gradient of `vectors`, in training and evaluation mode.

    vector-quantize-pytorch would rotate and rescale the gradient (its rotation trick), and add it up over the levels of
    a residual quantiser.
    """
    return quantised.detach() + (vectors - vectors.detach())
