"""InfoVAE, with the maximum mean discrepancy between aggregate posterior and prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from vaelab.objectives.matching import prior_draws
from vaelab.objectives.objective import ObjectiveSpec
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


@dataclass(frozen=True)
class Info(ObjectiveSpec):
    """InfoVAE with the maximum mean discrepancy; MMD-VAE with alpha = 1 (Zhao, Song and Ermon 2019).

    loss = E_q[-log p(x | z)] + (1 - alpha) KL(q(z | x) || p(z)) + (alpha + weight - 1) MMD^2(q(z), p(z)), in nats per
    image: Zhao, Song and Ermon (2019), "InfoVAE", with lambda the weight.
    """

    alpha: Annotated[float, Le(1)] = 1.0
    """1 minus the weight of the KL; at 1 the mutual information between x and z is not penalised."""
    weight: Annotated[float, Ge(0)] = 1000.0
    """lambda, nats per unit of squared discrepancy."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.real_codes})

    def requirements(self) -> frozenset[Trait]:
        """The traits that the model must have; with alpha = 1, a prior learns through reparameterised draws only."""
        return super().requirements() | ({Trait.reparameterised_prior} if self.alpha == 1 else set())

    def beta(self, progress: Progress) -> float:
        """1 - alpha, the weight of the KL."""
        return 1 - self.alpha

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        from vaelab.objectives.mmd import squared_mmd

        (latent,) = trace.latents
        discrepancy = squared_mmd(latent.code.flatten(0, 1), prior_draws(latent).flatten(0, 1))
        return trace.cost(1 - self.alpha).mean() + (self.alpha + self.weight - 1) * discrepancy
