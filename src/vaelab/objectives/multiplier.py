"""GECO's loss with its multiplier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vaelab.contract import Trace
from vaelab.schedules import Progress

# A constraint that cannot be met would send the multiplier to infinity; e^10 times the KL is as good as that.
_LARGEST = 10.0


class GecoLoss(nn.Module):
    """KL + lambda (reconstruction - tolerance), lambda moved by the constraint's moving average.

    Rezende and Viola (2018), algorithm 1. The value in the loss is the average's, its gradient the batch's. What the
    posterior adds is no part of the constraint.

    Args:
        tolerance: nats per image.
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
        constraint = trace.reconstruction.mean() - self.tolerance
        now = constraint.detach().to(self.average)
        # The first batch is the average's beginning.
        before = torch.where(self.average.isnan(), now, self.average)
        average = self.memory * before + (1 - self.memory) * now
        smoothed = constraint + (average - now)
        loss = (trace.kl.sum(0) + trace.penalty).mean() + self.log_multiplier.exp() * smoothed
        # A batch without a finite constraint may be left out by the optimiser; here too it leaves nothing behind.
        finite = now.isfinite()
        self.log_multiplier.add_(torch.where(finite, self.rate * average, 0.0)).clamp_(-_LARGEST, _LARGEST)
        self.average.copy_(torch.where(finite, average, self.average))
        return loss
