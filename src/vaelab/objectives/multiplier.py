"""GECO's loss with its multiplier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vaelab.schedules import Progress
from vaelab.trace import Trace

# A constraint that cannot be met would send the multiplier to infinity; e^10 times the KL is as good as that.
_LARGEST = 10.0


class GecoLoss(nn.Module):
    """KL + lambda (reconstruction - tolerance), lambda moved by the constraint's moving average.

    Rezende and Viola (2018), algorithm 1. The value in the loss is the average's, its gradient the batch's.

    Args:
        tolerance: nats an image.
        rate: of the multiplier.
        memory: of the moving average.
    """

    log_multiplier: Tensor
    average: Tensor

    def __init__(self, tolerance: float, rate: float, memory: float) -> None:
        super().__init__()
        self.tolerance, self.rate, self.memory = tolerance, rate, memory
        self.register_buffer("log_multiplier", torch.zeros(()))
        self.register_buffer("average", torch.full((), torch.nan))

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        constraint = trace.distortion.mean() - self.tolerance
        now = constraint.detach().to(self.average)
        # The first batch is the average's beginning.
        before = torch.where(self.average.isnan(), now, self.average)
        self.average.copy_(self.memory * before + (1 - self.memory) * now)
        smoothed = constraint + (self.average - now)
        loss = trace.kl.sum(0).mean() + self.log_multiplier.exp() * smoothed
        self.log_multiplier.add_(self.rate * self.average).clamp_(-_LARGEST, _LARGEST)
        return loss
