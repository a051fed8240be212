"""Sums of a joint density over a lattice, for many images at once."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from vaelab.metrics.evidence.lattice import Marks


@dataclass(frozen=True)
class LatticeSums:
    """Sums over a lattice for R images.

    Args:
        scale: log of the unit of the sums, nats, (R,).
        highest: the highest log p(x, z) so far, (R,).
        moments: sums of p(x, z) times 1, 1 within the inner range, z, and z z^T, (2 + D + D^2, R).
        marks: of each tile, where the posteriors of its images have mass.
    """

    scale: Float[Tensor, " R"]
    highest: Float[Tensor, " R"]
    moments: Float[Tensor, "features R"]
    marks: list[Marks]
