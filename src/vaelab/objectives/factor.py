"""Total correlation by a discriminator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from vaelab.errors import UserError
from vaelab.objectives.objective import Loss, ObjectiveSpec
from vaelab.spec import Trait


@dataclass(frozen=True)
class Factor(ObjectiveSpec):
    """FactorVAE: total correlation estimated by a discriminator that learns along.

    loss = -ELBO + gamma E_q(z)[log D(z) / (1 - D(z))] with D trained to tell draws of q(z) from draws whose
    dimensions were shuffled across the batch: Kim and Mnih (2018), equation 2 and algorithm 2. The discriminator is
    part of the objective: the run's own optimiser trains it, the checkpoint keeps it, the saved model leaves it out.
    """

    gamma: Annotated[float, Ge(0)] = 10.0
    """Weight of the total correlation."""
    hidden: tuple[int, ...] = (256, 256, 256)
    """Widths of the discriminator."""
    samples: Annotated[int, Ge(1)] = 1
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.real_codes})

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(width < 1 for width in self.hidden):
            raise UserError(f"Factor.hidden is {self.hidden}, but every width must be >= 1")

    def build(self, latent: int) -> Loss:
        """The loss with a fresh discriminator of `latent` dimensions."""
        from vaelab.objectives.discriminator import FactorLoss

        return FactorLoss(self.gamma, latent, self.hidden)
