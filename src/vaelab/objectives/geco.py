"""GECO. The loss and its multiplier are in `geco_loss`, which imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from vaelab.objectives.objective import Loss, ObjectiveSpec


@dataclass(frozen=True)
class Geco(ObjectiveSpec):
    """GECO, the KL minimised subject to a bound on the reconstruction (Rezende and Viola 2018).

    loss = KL + lambda C, C = E_q[-log p(x | z)] - tolerance in nats per image, and lambda <- lambda exp(rate C_ma)
    with C_ma a moving average of C: Rezende and Viola (2018), "Taming VAEs", algorithm 1. The multiplier is
    part of the objective's state, which checkpoints contain.
    """

    tolerance: float = 100.0
    """Upper bound on the reconstruction, nats per image."""
    rate: Annotated[float, Gt(0)] = 1e-3
    """Rate of the multiplier, per nat and step."""
    memory: Annotated[float, Ge(0), Lt(1)] = 0.99
    """Decay of the moving average, alpha in algorithm 1."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""

    def build(self, latent: int) -> Loss:
        """Build the loss, with a multiplier of 1."""
        from vaelab.objectives.geco_loss import GecoLoss

        return GecoLoss(self.tolerance, self.rate, self.memory)
