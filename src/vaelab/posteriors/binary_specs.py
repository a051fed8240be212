"""Posteriors whose codes are the signs of a vector's entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Le

from vaelab.posteriors.posterior import PosteriorSpec

if TYPE_CHECKING:
    from vaelab.contract import Network, Posterior


@dataclass(frozen=True)
class BinaryCodes(PosteriorSpec):
    """Base of the posteriors whose codes are signs: their sizes, and the weights of their penalty."""

    bits: Annotated[int, Ge(1), Le(16)] = 8
    """Bits of each code, which has 2^bits values."""
    codes: Annotated[int, Ge(1)] = 1
    """Codes per position: more bits than one code can have."""
    commitment: Annotated[float, Ge(0)] = 0.25
    """Weight of the squared distance between a vector and its signs."""
    entropy: Annotated[float, Ge(0)] = 1.0
    """Weight of the entropy penalty: codes of each vector are certain, those of a batch are all used."""
    diversity: Annotated[float, Ge(0)] = 1.0
    """Weight of the entropy of the batch's codes, in the entropy penalty."""
    temperature: Annotated[float, Gt(0)] = 0.1
    """T, of the soft codes in the entropy penalty; the codes themselves do not depend on it."""
    discrete: ClassVar[bool] = True
    random: ClassVar[bool] = False

    @property
    def _settings(self) -> tuple[int, int, float, float, float, float]:
        return self.bits, self.codes, self.commitment, self.entropy, self.diversity, self.temperature


@dataclass(frozen=True)
class LookupFree(BinaryCodes):
    """Lookup-free quantisation, LFQ (Yu et al. 2024, MAGVIT-v2, section 3.1).

    c_d = sign(v_d). The penalty is commitment |v - c|^2 + entropy (H(p(c | v)) - diversity H(mean of p(c | v))), the
    mean over the vectors of a batch, p(c | v) proportional to exp(-|v - c|^2 / T); nats, summed over positions.
    """

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with `codes` codes per position of the network."""
        from vaelab.posteriors.lookup_free import LookupFreePosterior

        return LookupFreePosterior(network, latent, *self._settings)


@dataclass(frozen=True)
class BinarySpherical(BinaryCodes):
    """Binary spherical quantisation, BSQ (Zhao, Xiong and Kraehenbuehl 2024).

    c_d = sign(u_d) / sqrt(L), u = v / |v|, of L = bits x codes entries; the penalty is that of `LookupFree` for u.
    """

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with `codes` codes per position of the network."""
        from vaelab.posteriors.binary_spherical import BinarySphericalPosterior

        return BinarySphericalPosterior(network, latent, *self._settings)
