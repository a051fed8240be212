"""The KL lowered as far as a constraint on the reconstruction lets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from vaelab.objectives.objective import Loss, ObjectiveSpec


@dataclass(frozen=True)
class Geco(ObjectiveSpec):
    """The least KL with which the reconstruction stays below a tolerance.

    loss = KL + lambda C, C = E_q[-log p(x | z)] - tolerance in nats per image, and lambda <- lambda exp(rate C_ma)
    with C_ma a moving average of C: Rezende and Viola (2018), "Taming VAEs", algorithm 1. The multiplier is
    part of the objective's state, which the checkpoint keeps.
    """

    tolerance: float = 100.0
    """What the reconstruction may cost, nats per image."""
    rate: Annotated[float, Gt(0)] = 1e-3
    """Of the multiplier, a nat and a step."""
    memory: Annotated[float, Ge(0), Lt(1)] = 0.99
    """Of the moving average, algorithm 1's alpha."""
    samples: Annotated[int, Ge(1)] = 1

    def build(self, latent: int) -> Loss:
        """The loss with a multiplier of 1."""
        from vaelab.objectives.multiplier import GecoLoss

        return GecoLoss(self.tolerance, self.rate, self.memory)
