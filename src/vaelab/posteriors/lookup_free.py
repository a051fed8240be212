"""Lookup-free quantisation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from vaelab.contract import Network
from vaelab.posteriors.bits import bits_of, entropy, entropy_of_mean, integers
from vaelab.posteriors.quantising import QuantisingPosterior, straight_through
from vaelab.sizes import CodeSpace


class LookupFreePosterior(QuantisingPosterior):
    """The signs of a vector's entries, which are the bits of its codes.

    c_d = sign(v_d), 1 above zero and -1 elsewhere: Yu et al. (2024), "Language model beats diffusion", section 3.1.
    The entropy penalty sees soft codes, p(c | v) = exp(-|v - c|^2 / T) / sum_c' exp(-|v - c'|^2 / T), under which bits
    are independent: p(c_d = 1 | v) = sigmoid(4 v_d / T). If `latent` differs from the number of bits, a learned
    linear map takes the signs to the decoder's vectors.

    Args:
        network, latent: as in `QuantisingPosterior`.
        bits: of each code.
        codes: per position; a vector has bits x codes entries.
        commitment: weight of |v - c|^2.
        entropy: weight of the entropy penalty.
        diversity: weight of the second entropy in it.
        temperature: T.
    """

    scale = 1.0
    """The size of each entry of a quantised vector."""

    def __init__(
        self,
        network: Network,
        latent: int,
        bits: int,
        codes: int,
        commitment: float,
        entropy: float,
        diversity: float,
        temperature: float,
    ) -> None:
        super().__init__(network, bits * codes, CodeSpace(network.positions * codes, 2**bits))
        self.out = nn.Identity() if latent == bits * codes else nn.Linear(bits * codes, latent)
        self.bits, self.codes, self.commitment = bits, codes, commitment
        self.weight, self.diversity, self.temperature = entropy, diversity, temperature

    def placed(self, vectors: Tensor) -> Tensor:
        """Vectors where their entries are compared with codes."""
        return vectors

    def corners(self, bits: Tensor) -> Tensor:
        """The quantised vectors of bits."""
        return self.scale * (2.0 * bits - 1.0)

    def quantise(self, vectors: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """The corners of the vectors' signs, mapped to the decoder's dimensions, and their codes."""
        placed = self.placed(vectors)
        z: Tensor = self.out(straight_through(placed, self.corners(placed > 0)))
        return z, self.codes_of(vectors)

    def codes_of(self, vectors: Tensor) -> Tensor:
        """The integers of the signs, (B, positions, codes)."""
        # Signs are those of the vector wherever it is placed.
        return integers((vectors > 0).unflatten(-1, (self.codes, self.bits)))

    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors, (N, positions, latent), for codes (N, slots)."""
        bits = bits_of(codes, self.bits).unflatten(1, (self.positions, self.codes)).flatten(2)
        vectors: Tensor = self.out(self.corners(bits))
        return vectors

    def penalty(self, vectors: Tensor, quantised: Tensor) -> Float[Tensor, " B"]:
        """The weighed squared distance to the codes and the weighed entropy penalty, nats, (B,).

        The entropy penalty is sum_i H(p(c | v_i)) - diversity x sum_i H(mean of p(c | v) over batch and positions), i
        the positions: with diversity 1, minus the information that soft codes have about their vectors. Codes of
        one position are taken as independent in the second entropy, which is exact for each of them.
        """
        placed = self.placed(vectors)
        distance = (placed - self.corners(placed > 0)).square().flatten(1).sum(-1)
        logits = 4 * self.scale / self.temperature * placed
        each = logits.flatten(0, 1).unflatten(-1, (self.codes, self.bits))
        of_mean = sum(entropy_of_mean(code) for code in each.unbind(1))
        uncertainty = entropy(logits).sum(-1) - self.diversity * self.positions * of_mean
        return self.commitment * distance + self.weight * uncertainty
