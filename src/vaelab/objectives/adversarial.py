"""The adversarial autoencoder. The loss and its discriminator are in `adversarial_loss`, which imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from vaelab.objectives.matching import Matching
from vaelab.objectives.objective import Loss


@dataclass(frozen=True)
class Adversarial(Matching):
    """Adversarial autoencoder, AAE, a discriminator between q(z) and the prior (Makhzani et al. 2016).

    loss = E_q[-log p(x | z)] - weight E_q(z)[log D(z)], in nats per image, with D trained to tell draws of the prior
    from draws of q(z): Makhzani et al. (2016), "Adversarial Autoencoders", section 2, with the encoder's non-saturating
    loss. A prior with weights is drawn towards q(z) by the opposite term, -weight E_p(z)[log (1 - D(z))]. The
    discriminator is part of the objective: the run's optimiser trains it, and checkpoints contain it, but the saved
    model does not.
    """

    weight: Annotated[float, Ge(0)] = 10.0
    """Nats of reconstruction per nat of the discriminator's confusion."""
    hidden: tuple[Annotated[int, Ge(1)], ...] = (256, 256, 256)
    """Widths of the discriminator's layers."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""

    def build(self, latent: int) -> Loss:
        """Build the loss, with a fresh discriminator of `latent` dimensions."""
        from vaelab.objectives.adversarial_loss import AdversarialLoss

        return AdversarialLoss(self.weight, latent, self.hidden)
