"""A regular lattice of which only some points are decoded, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import max_pool1d, max_pool2d, max_pool3d

from vaelab.loops import counted

# Points along each axis of the first lattice, for one, two and three dimensions. It reaches further than draws of the
# prior. For a standard normal prior its step is 0.12 after one halving and 0.06 after two, about the width of the
# posteriors of digits.
FIRST = (65, 65, 33)
# Points along the edge of a tile, for one, two and three dimensions.
_EDGES = (256, 16, 8)
# Pairs of a point and an image that are scored at once.
_PAIRS = 10_000_000


@dataclass(frozen=True)
class Lattice:
    """Points of a regular lattice, some of them active, in tiles (16 by 16 points in the plane).

    A tile is compared only with the images whose posterior has mass in its neighbourhood, since most pairs of a point
    and an image contribute nothing.

    Args:
        origin: the lowest corner, (D,).
        step: distance of neighbours along each axis, (D,).
        mask: the active points, with D dimensions.
        near: the images that each tile is compared with.
        level: number of times that the step has been halved.
    """

    origin: Float[Tensor, " D"]
    step: Float[Tensor, " D"]
    mask: Bool[Tensor, ...]
    near: Bool[Tensor, "tiles R"]
    level: int = 0

    @classmethod
    def over(cls, centre: Tensor, reach: Tensor, n_images: int) -> Lattice:
        """The first lattice, from `centre` - `reach` to `centre` + `reach`."""
        mask = torch.ones((FIRST[len(centre) - 1],) * len(centre), dtype=torch.bool, device=centre.device)
        lattice = cls(centre - reach, 2 * reach / (FIRST[len(centre) - 1] - 1), mask, mask.new_zeros(0, n_images))
        return replace(lattice, near=mask.new_ones(math.prod(lattice.tiling), n_images))

    def __len__(self) -> int:
        return int(self.mask.sum())

    @property
    def edge(self) -> int:
        """Points along the edge of a tile."""
        return _EDGES[self.mask.ndim - 1]

    @property
    def tiling(self) -> list[int]:
        """Number of tiles along each axis."""
        return [-(-size // self.edge) for size in self.mask.shape]

    @property
    def log_cell(self) -> float:
        """Log of the volume of a cell."""
        return float(self.step.double().log().sum())

    @property
    def log_first_cell(self) -> float:
        """Log of the volume of a cell of the first lattice."""
        return self.log_cell + self.level * len(self.step) * math.log(2)

    @cached_property
    def _points(self) -> tuple[Int[Tensor, "G D"], Int[Tensor, " G"]]:
        """The active points, tile by tile, and the tile of each."""
        index = self.mask.nonzero()
        tile = torch.zeros_like(index[:, 0])
        for axis, tiles in enumerate(self.tiling):
            tile = tile * tiles + index[:, axis] // self.edge
        tile, order = tile.sort(stable=True)
        return index[order], tile

    def tiles(self) -> Iterator[tuple[int, Float[Tensor, "G D"], Int[Tensor, " R"]]]:
        """Each tile's number, its active points, and its images; a tile with many pairs comes in several parts."""
        index, tile = self._points
        numbers, counts = tile.unique_consecutive(return_counts=True)
        blocks = zip(numbers.tolist(), index.split(counts.tolist()), strict=True)
        for number, block in counted(blocks, len(numbers)):
            seen = self.near[number].nonzero()[:, 0]
            for part in block.split(max(1, _PAIRS // max(1, len(seen)))):
                yield number, self.origin + part * self.step, seen

    def refined(self, active: Bool[Tensor, " G"], near: Bool[Tensor, "tiles R"]) -> Lattice:
        """The lattice with half the step, around the active points.

        Args:
            active: the points that hold mass.
            near: the images that have mass in each tile.
        """
        index, _ = self._points
        fine = self.mask.new_zeros([2 * size - 1 for size in self.mask.shape])
        fine[tuple(2 * index[active].T)] = True
        # Two fine steps to each side cover the point's own cell and half of its neighbours' cells.
        finer = Lattice(self.origin, self.step / 2, _spread(fine[None], 2)[0], self.near, self.level + 1)
        spread = _spread(near.T.unflatten(1, self.tiling), 1)
        for axis, tiles in enumerate(finer.tiling):
            spread = spread.repeat_interleave(2, axis + 1).narrow(axis + 1, 0, tiles)
        return replace(finer, near=spread.flatten(1).T.contiguous())


def _spread(maps: Bool[Tensor, "R ..."], steps: int) -> Bool[Tensor, "R ..."]:
    """Dilate the true points by a number of steps along each axis."""
    pool = (max_pool1d, max_pool2d, max_pool3d)[maps.ndim - 2]
    return pool(maps[:, None].float(), 2 * steps + 1, stride=1, padding=steps)[:, 0] > 0
