"""Sums of a joint density over a lattice, for many images at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class LatticeSums:
    """Sums over a lattice for R images.

    Args:
        scale: log of the unit of the sums, nats, (R,).
        highest: the highest log p(x, z) so far, (R,).
        moments: sums of p(x, z) times 1, 1 within the inner range, z, and z z^T, (2 + D + D^2, R).
        dense: per tile its number, the images that it was compared with, (seen,), and whether the posterior of each
            has mass at each point, (G, seen).
    """

    scale: Float[Tensor, " R"]
    highest: Float[Tensor, " R"]
    moments: Float[Tensor, "features R"]
    dense: list[tuple[int, Tensor, Tensor]]

    def active(self, chosen: Bool[Tensor, " R"]) -> Bool[Tensor, " G"]:
        """The points at which one of the chosen images has mass, tile by tile."""
        return torch.cat([dense[:, chosen[seen]].any(1) for _, seen, dense in self.dense])

    def near(self, chosen: Bool[Tensor, " R"], tiles: int) -> Bool[Tensor, "tiles chosen"]:
        """The chosen images that have mass in each tile."""
        near = chosen.new_zeros(tiles, len(chosen))
        for tile, seen, dense in self.dense:
            near[tile, seen] |= dense.any(0)
        return near[:, chosen]
