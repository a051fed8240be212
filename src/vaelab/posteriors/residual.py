"""The base class of posteriors with a codebook for each level of a residual."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from vaelab.posteriors.codebook import nearest
from vaelab.posteriors.quantising import QuantisingPosterior


class ResidualPosterior(QuantisingPosterior):
    """Base of posteriors whose codebooks quantise, one after another, what those before them leave of a vector.

    r_1 = v, code_l = argmin_k |r_l - e_lk|^2, r_(l+1) = r_l - e_l: Zeghidour et al. (2021), "SoundStream", algorithm 1.
    """

    @property
    @abstractmethod
    def by_level(self) -> Sequence[Tensor]:
        """The codebook of each level, (K, latent)."""

    def codes_of(self, vectors: Tensor) -> Tensor:
        """The index of the nearest vector of each level, (B, positions, levels)."""
        codes = []
        for codebook in self.by_level:
            codes.append(nearest(vectors, codebook))
            vectors = vectors - codebook[codes[-1]]
        return torch.stack(codes, -1)

    def look_up(self, codes: Tensor) -> Tensor:
        """The sums of the vectors of all levels, (N, positions, latent), for codes (N, slots)."""
        each = codes.unflatten(1, (self.positions, -1)).unbind(-1)
        return torch.stack([codebook[code] for codebook, code in zip(self.by_level, each, strict=True)]).sum(0)
