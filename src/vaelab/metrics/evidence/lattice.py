"""The lattice that quadrature decodes: regular points of which only some are looked at, in tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import max_pool1d, max_pool2d, max_pool3d

# Points along each axis of the first lattice, for one, two and three dimensions. It reaches further than draws of the
# prior do; halved, its step is 0.12 for a standard normal prior and 0.06 halved again, about the width of posteriors
# of digits.
FIRST = (65, 65, 33)
# Points along the edge of a tile, for one, two and three dimensions.
_EDGES = (256, 16, 8)
# Pairs of a point and an image that are scored at a time.
_PAIRS = 10_000_000


@dataclass(frozen=True)
class Lattice:
    """Points of a regular lattice, of which only some are looked at, in tiles of 16 by 16 in the plane.

    A tile is shown only the images whose posterior has mass in its neighbourhood: there are far more pairs of a
    point and an image than pairs that matter.

    Args:
        origin: the lowest corner, (D,).
        step: distance of neighbours along each axis, (D,).
        mask: the points that are looked at, one dimension an axis.
        near: the images that each tile is shown.
        level: how often the step has been halved.
    """

    origin: Float[Tensor, " D"]
    step: Float[Tensor, " D"]
    mask: Bool[Tensor, ...]
    near: Bool[Tensor, "tiles R"]
    level: int = 0

    @classmethod
    def over(cls, centre: Tensor, reach: Tensor, images: int) -> Lattice:
        """The first lattice, `reach` to either side of a centre."""
        mask = torch.ones((FIRST[len(centre) - 1],) * len(centre), dtype=torch.bool, device=centre.device)
        lattice = cls(centre - reach, 2 * reach / (FIRST[len(centre) - 1] - 1), mask, mask.new_zeros(0, images))
        return replace(lattice, near=mask.new_ones(math.prod(lattice.tiling), images))

    def __len__(self) -> int:
        return int(self.mask.sum())

    @property
    def edge(self) -> int:
        """Points along the edge of a tile."""
        return _EDGES[self.mask.ndim - 1]

    @property
    def tiling(self) -> list[int]:
        """How many tiles lie along each axis."""
        return [-(-size // self.edge) for size in self.mask.shape]

    @property
    def log_cell(self) -> float:
        """log of the volume of a cell."""
        return float(self.step.double().log().sum())

    @property
    def log_first_cell(self) -> float:
        """log of the volume that a cell had before the step was halved."""
        return self.log_cell + self.level * len(self.step) * math.log(2)

    @cached_property
    def _points(self) -> tuple[Int[Tensor, "G D"], Int[Tensor, " G"]]:
        """The points that are looked at, tile by tile, and the tile of each."""
        index = self.mask.nonzero()
        tile = torch.zeros_like(index[:, 0])
        for axis, tiles in enumerate(self.tiling):
            tile = tile * tiles + index[:, axis] // self.edge
        tile, order = tile.sort(stable=True)
        return index[order], tile

    def tiles(self) -> Iterator[tuple[int, Float[Tensor, "G D"], Int[Tensor, " R"]]]:
        """Each tile's number, its points, and the images it is shown; a crowded one in parts."""
        index, tile = self._points
        numbers, counts = tile.unique_consecutive(return_counts=True)
        for number, block in zip(numbers.tolist(), index.split(counts.tolist()), strict=True):
            seen = self.near[number].nonzero()[:, 0]
            for part in block.split(max(1, _PAIRS // max(1, len(seen)))):
                yield number, self.origin + part * self.step, seen

    def refined(self, active: Bool[Tensor, " G"], near: Bool[Tensor, "tiles R"]) -> Lattice:
        """Half the step, around the points that hold mass, for the images that have it near each tile."""
        index, _ = self._points
        fine = self.mask.new_zeros([2 * size - 1 for size in self.mask.shape])
        fine[tuple(2 * index[active].T)] = True
        # Two fine steps to each side: the point's own cell and half of its neighbours'.
        finer = Lattice(self.origin, self.step / 2, _spread(fine[None], 2)[0], self.near, self.level + 1)
        spread = _spread(near.T.unflatten(1, self.tiling), 1)
        for axis, tiles in enumerate(finer.tiling):
            spread = spread.repeat_interleave(2, axis + 1).narrow(axis + 1, 0, tiles)
        return replace(finer, near=spread.flatten(1).T.contiguous())


def _spread(maps: Bool[Tensor, "R ..."], steps: int) -> Bool[Tensor, "R ..."]:
    """True wherever it is so within so many steps along each axis."""
    pool = (max_pool1d, max_pool2d, max_pool3d)[maps.ndim - 2]
    return pool(maps[:, None].float(), 2 * steps + 1, stride=1, padding=steps)[:, 0] > 0
