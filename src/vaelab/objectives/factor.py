"""FactorVAE. The loss and its discriminator are in `factor_loss`, which imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from vaelab.errors import UserError
from vaelab.objectives.objective import Loss, ObjectiveSpec
from vaelab.traits import Trait


@dataclass(frozen=True)
class Factor(ObjectiveSpec):
    """FactorVAE, a penalty on the total correlation estimated by a discriminator (Kim and Mnih 2018).

    loss = -ELBO + gamma E_q(z)[log D(z) / (1 - D(z))], with D trained to distinguish draws of q(z) from draws whose
    dimensions are permuted across the batch: Kim and Mnih (2018), equation 2 and algorithm 2. The discriminator is part
    of the objective: the run's optimiser trains it, and checkpoints contain it, but the saved model does not.
    """

    gamma: Annotated[float, Ge(0)] = 10.0
    """Weight of the total correlation."""
    hidden: tuple[int, ...] = (256, 256, 256)
    """Widths of the discriminator's layers."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.real_codes})

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(width < 1 for width in self.hidden):
            raise UserError(f"Factor.hidden is {self.hidden}, but every width must be >= 1")

    def build(self, latent: int) -> Loss:
        """Build the loss, with a fresh discriminator of `latent` dimensions."""
        from vaelab.objectives.factor_loss import FactorLoss

        return FactorLoss(self.gamma, latent, self.hidden)
