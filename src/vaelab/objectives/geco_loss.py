"""The loss of `Geco`, with its multiplier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vaelab.contract import Trace
from vaelab.schedules import Progress

# Bound on |log lambda|: with a constraint that cannot be met, the multiplier would grow without limit.
_MAX_LOG = 10.0


class GecoLoss(nn.Module):
    """KL + lambda (reconstruction - tolerance), with lambda updated by the constraint's moving average.

    Rezende and Viola (2018), algorithm 1. The constraint in the loss has the value of the moving average and the
    gradient of the batch. The posterior's penalty is not part of the constraint.

    Args:
        tolerance: upper bound on the reconstruction, nats per image.
        rate: rate of the multiplier, per nat and step.
        memory: decay of the moving average.
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
        # The first batch initialises the average.
        before = torch.where(self.average.isnan(), now, self.average)
        average = self.memory * before + (1 - self.memory) * now
        smoothed = constraint + (average - now)
        loss = (trace.kl.sum(0) + trace.penalty).mean() + self.log_multiplier.exp() * smoothed
        # The optimiser skips a batch with a non-finite loss, so such a batch does not change this state either.
        finite = now.isfinite()
        self.log_multiplier.add_(torch.where(finite, self.rate * average, 0.0)).clamp_(-_MAX_LOG, _MAX_LOG)
        self.average.copy_(torch.where(finite, average, self.average))
        return loss
