"""The evidence lower bound with a target for the KL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.objectives.objective import ObjectiveSpec
from vaelab.schedules import AnySchedule, Linear, Progress

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace


@dataclass(frozen=True)
class Capacity(ObjectiveSpec):
    """Controlled capacity, the KL held to a target that rises during training (Burgess et al. 2018).

    loss = E_q[-log p(x | z)] + gamma |KL - C(t)|, in nats per image: Burgess et al. (2018), "Understanding
    disentangling in beta-VAE", equation 8.
    """

    gamma: Annotated[float, Ge(0)] = 30.0
    """Weight of |KL - C|."""
    capacity: AnySchedule = Linear(epochs=10, stop=25.0, smooth=True)
    """C, the target of the KL, nats."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        excess = trace.kl.sum(0).mean() - self.capacity(progress)
        return trace.penalised_reconstruction.mean() + self.gamma * excess.abs()
