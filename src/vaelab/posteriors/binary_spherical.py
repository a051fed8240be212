"""Binary spherical quantisation."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import normalize

from vaelab.posteriors.lookup_free import LookupFreePosterior


class BinarySphericalPosterior(LookupFreePosterior):
    """Lookup-free quantisation on the unit sphere: c_d = sign(u_d) / sqrt(L), u = v / |v|, of L entries.

    Zhao, Xiong and Kraehenbuehl (2024), "Image and Video Tokenization with Binary Spherical Quantization". The error is
    bounded: |u - c|^2 = 2 - 2 sum_d |u_d| / sqrt(L) <= 2 - 2 / sqrt(L).

    Args: as for `LookupFreePosterior`.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.scale = (self.bits * self.codes) ** -0.5

    def placed(self, vectors: Tensor) -> Tensor:
        """Unit vectors of the same directions."""
        return normalize(vectors, dim=-1)
