"""What objectives share that match the aggregate posterior with the prior."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from vaelab.objectives.objective import ObjectiveSpec
from vaelab.schedules import Progress
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Latent


class Matching(ObjectiveSpec):
    """Base of objectives in which a distance between aggregate posterior and prior takes the place of the KL.

    A prior learns by its draws alone, so they have to be reparameterised.
    """

    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.real_codes, Trait.reparameterised_prior})

    def beta(self, progress: Progress) -> float:
        """0, the weight of the KL."""
        return 0.0


def prior_draws(latent: Latent) -> Tensor:
    """As many draws of the prior as there are codes, (S, B, D); reparameterised ones also train a learned prior."""
    samples, batch = latent.code.shape[:2]
    p = latent.p.expand((batch,))
    drawn: Tensor = (p.rsample if p.has_rsample else p.sample)((samples,))
    return drawn
