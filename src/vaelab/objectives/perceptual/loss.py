"""The loss of `Perceptual`."""

from __future__ import annotations

from torch import Tensor, nn

from vaelab.contract import Trace
from vaelab.objectives.objective import Loss
from vaelab.schedules import Progress, ScheduleSpec


class PerceptualLoss(nn.Module):
    """base + weight E_q[penalty(x, E[x | z])].

    Args:
        base: the loss that the penalty is added to.
        penalty: the module that compares images.
        weight: of the penalty, nats per unit.
    """

    def __init__(self, base: Loss, penalty: nn.Module, weight: ScheduleSpec) -> None:
        super().__init__()
        self.base, self.penalty, self.weight = base, penalty, weight

    def forward(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        decoded = trace.p.mean
        x = trace.x.expand_as(decoded)
        penalty = self.penalty(x.flatten(0, 1), decoded.flatten(0, 1)).mean()
        loss: Tensor = self.base(trace, progress) + self.weight(progress) * penalty
        return loss
