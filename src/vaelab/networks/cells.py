"""Residual cells, x + f(x): they keep the shape of a map and can be stacked deeply."""

from __future__ import annotations

from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaelab.distributions import as_float32


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu and He 2018) in at most eight groups, each of at least eight channels.

    Smaller groups fail on small maps: a single value minus its mean is zero and passes no gradient. If the channels
    cannot be divided in this way, they form one group.

    Computes in at least float32, as CUDA's autocast does; on a CPU, bf16 takes up to three times as long.

    Args:
        channels: C of the map.
    """

    def __init__(self, channels: int) -> None:
        groups = max((g for g in range(1, 9) if channels % g == 0 and channels // g >= 8), default=1)
        super().__init__(groups, channels)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map, normalised to mean 0 and variance 1 in each group, then scaled and shifted per channel."""
        return super().forward(as_float32(x))


class BottleneckCell(nn.Module):
    """x + f(x), with f four convolutions 1x1, 3x3, 3x3, 1x1, a GELU before each (Child 2021, figure 3).

    There is no normalisation. To keep the activations of a stack of `depth` cells bounded, the weights of the last
    convolution are initially scaled by 1 / sqrt(depth) and its bias is zero.

    Args:
        channels: C of the map.
        inner: channels of the inner convolutions.
        depth: number of cells in the stack.
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
    """Squeeze-and-excitation: a gate in (0, 1) per channel, computed from all channel means (Hu et al. 2018).

    Args:
        channels: C of the map; the hidden layer has C / 16 units, but at least four.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(4, channels // 16)
        # SiLU instead of the paper's ReLU: with so few units, dead ones would matter.
        self.gate = nn.Sequential(nn.Linear(channels, inner), nn.SiLU(), nn.Linear(inner, channels), nn.Sigmoid())

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map times its gates."""
        y: Tensor = x * self.gate(x.mean((2, 3)))[:, :, None, None]
        return y


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise 5x5 convolution, one kernel per channel, which ignores autocast on a CPU.

    oneDNN's gradient takes 1.5 to 3 times as long in bf16 as in fp32.

    Args:
        channels: C of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 5, padding=2, groups=channels)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The filtered map."""
        with torch.autocast("cpu", enabled=False):
            return super().forward(x)


class DepthwiseCell(nn.Module):
    """x + f(x), with f a depthwise 5x5 convolution between two 1x1 convolutions (Vahdat and Kautz 2020, figure 3a).

    f is: normalise, 1x1 to `inner` channels, normalise, SiLU, depthwise 5x5, normalise, SiLU, 1x1 back, normalise,
    squeeze and excite. Group normalisation replaces the paper's batch normalisation: without running statistics, the
    output for an image depends neither on the rest of its batch nor on the mode.

    The last normalisation would undo a scaled initialisation of the layer before it, so its gain is scaled instead: it
    starts at 0.1 / sqrt(depth), where 0.1 is the weight of f in the authors' code.

    Args:
        channels: C of the map.
        inner: channels of the depthwise convolution.
        depth: number of cells in the stack.
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
