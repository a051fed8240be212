"""What the networks of several priors are made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def mlp(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """Linear layers with SiLU between them: smooth, as derivatives by the input need."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.SiLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def joined(*parts: Tensor | None) -> Tensor:
    """Vectors side by side, whose leading dimensions are broadcast; None is left out.

    >>> joined(torch.zeros(5, 1, 2), None, torch.ones(3, 4)).shape
    torch.Size([5, 3, 6])
    """
    given = [part for part in parts if part is not None]
    batch = torch.broadcast_shapes(*(part.shape[:-1] for part in given))
    return torch.cat([part.expand(*batch, part.shape[-1]) for part in given], -1)
