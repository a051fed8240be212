"""beta-TCVAE, the KL in three parts with separate weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.objectives.objective import ObjectiveSpec
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


@dataclass(frozen=True)
class TotalCorrelation(ObjectiveSpec):
    """beta-TCVAE, separate weights on the three parts of the KL (Chen et al. 2018).

    loss = E_q[-log p(x | z)] + alpha I(x; z) + beta TC(z) + gamma sum_d KL(q(z_d) || p(z_d)), in nats per image: Chen
    et al. (2018), "Isolating Sources of Disentanglement", with the parts of its equation 2. With all weights 1 it is
    the negative ELBO with a sampled KL. The aggregate posterior q(z) is estimated from the batch by stratified
    sampling.
    """

    weight: Annotated[float, Ge(0)] = 6.0
    """beta, the weight of the total correlation."""
    alpha: Annotated[float, Ge(0)] = 1.0
    """Weight of the index-code mutual information."""
    gamma: Annotated[float, Ge(0)] = 1.0
    """Weight of the dimension-wise KL."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.independent_dimensions})

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        from vaelab.objectives.decomposition import decompose_kl

        (latent,) = trace.latents
        images = progress.n_images or progress.steps * len(trace.x)
        information, correlation, dimensions = decompose_kl(latent, images)
        kl = self.alpha * information + self.weight * correlation + self.gamma * dimensions
        return (trace.penalised_reconstruction + kl).mean()
