"""A regular lattice of which only some points are decoded, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
# A tile is compared with the images that have mass within so many of its steps: two steps of the lattice before. Twice
# this is at most the edge of a tile, so that a point is near two tiles along an axis at most.
_MARGIN = 4
# Pairs of a point and an image that are scored at once.
_PAIRS = 10_000_000

Marks = tuple[Tensor, Tensor]
"""Of points of a tile: the images that they were compared with, and whether the posterior of each has mass at each."""


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
        tile, order = self._tile_of(index).sort(stable=True)
        return index[order], tile

    def _tile_of(self, index: Int[Tensor, "... D"]) -> Int[Tensor, ...]:
        """The number of the tile of each point."""
        tile = torch.zeros_like(index[..., 0])
        for axis, tiles in enumerate(self.tiling):
            tile = tile * tiles + index[..., axis] // self.edge
        return tile

    def tiles(self) -> Iterator[tuple[Float[Tensor, "G D"], Int[Tensor, " R"]]]:
        """The active points of each tile, and its images; a tile with many pairs comes in several parts."""
        index, tile = self._points
        numbers, counts = tile.unique_consecutive(return_counts=True)
        blocks = zip(numbers.tolist(), index.split(counts.tolist()), strict=True)
        for number, block in counted(blocks, len(numbers)):
            seen = self.near[number].nonzero()[:, 0]
            for part in block.split(max(1, _PAIRS // max(1, len(seen)))):
                yield self.origin + part * self.step, seen

    def refined(self, marks: Sequence[Marks], chosen: Bool[Tensor, " R"]) -> Lattice:
        """The lattice with half the step, around the points at which one of the chosen images has mass.

        Each of its tiles is compared with the images that have mass within or near it.

        Args:
            marks: of all tiles, in their order.
            chosen: the images that are looked at more closely.
        """
        index, _ = self._points
        fine = self.mask.new_zeros([2 * size - 1 for size in self.mask.shape])
        fine[tuple(2 * index[torch.cat([dense[:, chosen[seen]].any(1) for seen, dense in marks])].T)] = True
        # Two fine steps to each side cover the point's own cell and half of its neighbours' cells.
        finer = Lattice(self.origin, self.step / 2, _spread(fine, 2), self.near, self.level + 1)
        near = chosen.new_zeros(math.prod(finer.tiling), int(chosen.sum()))
        column = chosen.cumsum(0) - 1
        for (seen, dense), block in zip(marks, index.split([len(dense) for _, dense in marks]), strict=True):
            kept = chosen[seen]
            tiles, members = finer._tiles_near(2 * block)
            # The number of marked points near each tile, by one matrix product.
            found = members @ dense[:, kept].to(members.dtype) > 0
            near[tiles[:, None], column[seen[kept]]] |= found
        return replace(finer, near=near)

    def _tiles_near(self, index: Int[Tensor, "G D"]) -> tuple[Int[Tensor, " T"], Float[Tensor, "T G"]]:
        """The tiles within _MARGIN steps of each point: their numbers, and 1 where a point belongs to a tile."""
        last = torch.tensor(self.mask.shape, device=index.device) - 1
        corners = torch.cartesian_prod(*[torch.tensor([-_MARGIN, _MARGIN], device=index.device)] * index.shape[1])
        places = (index + corners.view(-1, 1, index.shape[1])).clamp(min=0).minimum(last)
        numbers = self._tile_of(places)
        tiles = numbers.unique()
        return tiles, (numbers == tiles[:, None, None]).any(1).float()


def _spread(mask: Bool[Tensor, ...], steps: int) -> Bool[Tensor, ...]:
    """Dilate the true points by a number of steps along each axis."""
    pool = (max_pool1d, max_pool2d, max_pool3d)[mask.ndim - 1]
    return pool(mask[None, None].float(), 2 * steps + 1, stride=1, padding=steps)[0, 0] > 0
