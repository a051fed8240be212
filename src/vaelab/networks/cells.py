"""Residual cells, x -> x + f(x): maps of one shape to maps of the same shape, made to be stacked deeply."""

from __future__ import annotations

from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.distributions import as_float32


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu and He 2018) in at most eight groups, each of at least eight channels.

    Groups of a single channel would be bad company for a small map: one number less its own mean is nothing,
    and no gradient would pass. Channels that do not divide so are one group.

    It computes in float32 at least, as CUDA's autocast lets it, and on a CPU bf16 would take up to three times as long.

    Args:
        channels: C of the map.
    """

    def __init__(self, channels: int) -> None:
        groups = max((g for g in range(1, 9) if channels % g == 0 and channels // g >= 8), default=1)
        super().__init__(groups, channels)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map with mean 0 and variance 1 in each group, then scaled and shifted channel by channel."""
        return super().forward(as_float32(x))


class BottleneckCell(nn.Module):
    """x + f(x), f of four convolutions 1x1, 3x3, 3x3, 1x1 with GELU before each and fewer channels between.

    Child (2021), figure 3. There is no normalisation; what keeps a stack of `depth` cells from growing is that
    each last convolution begins 1 / sqrt(depth) times as large, and without a bias to add up.

    Args:
        channels: C of the map.
        inner: channels between.
        depth: cells in the whole stack.
    """

    def __init__(self, channels: int, inner: int, depth: int) -> None:
        super().__init__()
        last = nn.Conv2d(inner, channels, 1)
        with torch.no_grad():
            last.weight /= sqrt(depth)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.branch = nn.Sequential(
            *(nn.GELU(), nn.Conv2d(channels, inner, 1)),
            *(nn.GELU(), nn.Conv2d(inner, inner, 3, padding=1)),
            *(nn.GELU(), nn.Conv2d(inner, inner, 3, padding=1)),
            *(nn.GELU(), last),
        )

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map and what the cell adds to it."""
        y: Tensor = x + self.branch(x)
        return y


class SqueezeExcite(nn.Module):
    """Each channel times a number in (0, 1), drawn from the means of all channels (Hu, Shen and Sun 2018).

    Args:
        channels: C of the map; a sixteenth of them, but at least four, stand between.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(4, channels // 16)
        # SiLU for the paper's ReLU: of so few units none may die.
        self.gate = nn.Sequential(nn.Linear(channels, inner), nn.SiLU(), nn.Linear(inner, channels), nn.Sigmoid())

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map, its channels weighed."""
        y: Tensor = x * self.gate(x.mean((2, 3)))[:, :, None, None]
        return y


class DepthwiseConv2d(nn.Conv2d):
    """A 5x5 convolution of each channel with a kernel of its own, on a CPU always in its input's precision.

    oneDNN's gradient of it takes 1.5 to 3 times as long in bf16 as in fp32.

    Args:
        channels: C of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 5, padding=2, groups=channels)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map, filtered."""
        with torch.autocast("cpu", enabled=False):
            return super().forward(x)


class DepthwiseCell(nn.Module):
    """x + f(x), f with one 5x5 convolution a channel between two 1x1 convolutions that widen and narrow.

    Vahdat and Kautz (2020), figure 3a: normalise, 1x1 to `inner` channels, normalise, SiLU, depthwise 5x5,
    normalise, SiLU, 1x1 back, normalise, squeeze and excite. Group normalisation stands for the paper's batch
    normalisation: it keeps no running statistics, so that an image gets the same numbers in training and in
    evaluation, whatever else is in its batch.

    The last normalisation would undo any scale of the projection before it, so its own gain is what begins small:
    0.1, the paper's weight on f, over sqrt(depth).

    Args:
        channels: C of the map.
        inner: channels between.
        depth: cells in the whole stack.
    """

    def __init__(self, channels: int, inner: int, depth: int) -> None:
        super().__init__()
        last = GroupNorm(channels)
        nn.init.constant_(last.weight, 0.1 / sqrt(depth))
        self.branch = nn.Sequential(
            *(GroupNorm(channels), nn.Conv2d(channels, inner, 1)),
            *(GroupNorm(inner), nn.SiLU(), DepthwiseConv2d(inner)),
            *(GroupNorm(inner), nn.SiLU(), nn.Conv2d(inner, channels, 1)),
            *(last, SqueezeExcite(channels)),
        )

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map and what the cell adds to it."""
        y: Tensor = x + self.branch(x)
        return y
