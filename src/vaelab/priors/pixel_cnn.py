"""The PixelCNN prior over maps of discrete codes."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad, silu

from vaelab.distributions import as_float32
from vaelab.priors.autoregressive import CodesPrior
from vaelab.sizes import CodeSpace


class PixelCnnPrior(CodesPrior):
    """Gated convolutions over a map of codes that see only what comes before, row by row.

    p(code | c) = prod_i p(code_i | code_<i, c): van den Oord et al. (2016), "Conditional image generation with PixelCNN
    decoders", section 2, the prior of van den Oord, Vinyals and Kavukcuoglu (2017), section 3.3, with one stack of
    convolutions for the rows above and one for the codes to the left, so that there is no blind spot. Inputs are
    shifted by a row or a column and padded, instead of kernels masked, which is the same (Salimans et al. 2017).
    Where positions have several levels of codes, each level is also given the levels before it.

    Args:
        code_space: number of slots, ordered by position and then by level, and number of codes of each.
        condition: K, dimensions of the condition; 0 for none.
        extent: rows and columns of the map.
        layers, width, kernel: number of gated layers, their channels and the extent of their filters, an odd number.
    """

    def __init__(
        self, code_space: CodeSpace, condition: int, extent: tuple[int, int], layers: int, width: int, kernel: int
    ) -> None:
        super().__init__()
        self.code_space, self.extent = code_space, extent
        self.levels = code_space.slots // (extent[0] * extent[1])
        entries = self.levels * code_space.size
        # A bias for each position of the map.
        self.start = nn.Parameter(0.02 * torch.randn(width, *extent))
        self.embedding = nn.Embedding(entries, width) if extent != (1, 1) else None
        self.layers = nn.ModuleList(GatedLayer(width, kernel, condition, extent) for _ in range(layers))
        self.before = nn.Embedding(entries, width) if self.levels > 1 else None
        self.level = nn.Parameter(0.02 * torch.randn(self.levels, width))
        self.hidden, self.logits = nn.Linear(width, width), nn.Linear(width, code_space.size)

    def next_logits(self, before: Int[Tensor, "N T"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N _ V"]:
        """Logits of the first T + 1 slots (at most all slots), given the codes of the first T."""
        slots, size = self.code_space
        # What stands at later slots has no effect.
        codes = pad(before, (0, slots - before.shape[1]))
        codes = codes.unflatten(1, (-1, self.levels)) + size * torch.arange(self.levels, device=codes.device)
        rows = columns = self.start.new_zeros(())
        if self.embedding is not None:
            codes_map = self.embedding(codes).sum(2).movedim(1, 2).unflatten(2, self.extent)
            rows, columns = pad(codes_map, (0, 0, 1, 0))[:, :, :-1], pad(codes_map, (1, 0))[..., :-1]
        columns = (columns + self.start).expand(len(before), *self.start.shape)
        for layer in self.layers:
            rows, columns = layer(rows, columns, c)
        states = columns.flatten(2).movedim(1, 2)[:, :, None] + self.level
        if self.before is not None:
            given = self.before(codes)
            states = states + given.cumsum(2) - given
        logits: Tensor = self.logits(silu(self.hidden(silu(states)))).flatten(1, 2)
        return as_float32(logits[:, : before.shape[1] + 1])


class GatedLayer(nn.Module):
    """One layer of both stacks: tanh(a) sigmoid(b) of convolutions, residual in the stack of the current row.

    Van den Oord et al. (2016), equation 4 and figure 2. A stack is left out where it would see nothing.

    Args:
        width: channels.
        kernel: extent of the filters.
        condition: K, dimensions of the condition; 0 for none.
        extent: rows and columns of the map.
    """

    def __init__(self, width: int, kernel: int, condition: int, extent: tuple[int, int]) -> None:
        super().__init__()
        half, reach = kernel // 2, (kernel + 1) // 2
        # Inputs were shifted, see `next_logits`, so the last row or column of a filter is that of the code itself.
        self.above = _causal(width, (reach, kernel), (half, half, reach - 1, 0)) if extent[0] > 1 else None
        self.link = nn.Conv2d(2 * width, 2 * width, 1) if extent[0] > 1 else None
        reach = reach if extent[1] > 1 else 1
        self.left = _causal(width, (1, reach), (reach - 1, 0, 0, 0))
        self.out = nn.Conv2d(width, width, 1)
        self.condition = nn.Linear(condition, 2 * width, bias=False) if condition else None

    def forward(self, rows: Tensor, columns: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features of the rows above and of the current row, (N, width, H, W)."""
        given = 0.0 if self.condition is None or c is None else self.condition(c)[..., None, None]
        current = self.left(columns) + given
        if self.above is not None and self.link is not None:
            seen = self.above(rows)
            current = current + self.link(seen)
            rows = _gate(seen + given)
        return rows, columns + self.out(_gate(current))


def _causal(width: int, kernel: tuple[int, int], padding: tuple[int, int, int, int]) -> nn.Sequential:
    return nn.Sequential(nn.ZeroPad2d(padding), nn.Conv2d(width, 2 * width, kernel))


def _gate(features: Tensor) -> Any:
    a, b = features.chunk(2, 1)
    return a.tanh() * b.sigmoid()
