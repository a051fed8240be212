"""The sliced Wasserstein autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.objectives.matching import Matching, prior_draws

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


@dataclass(frozen=True)
class SlicedWasserstein(Matching):
    """Sliced Wasserstein autoencoder, SWAE (Kolouri et al. 2019).

    loss = E_q[-log p(x | z)] + weight SW^2(q(z), p(z)), in nats per image: Kolouri et al. (2019), "Sliced-Wasserstein
    Auto-Encoders", algorithm 1. SW^2 is the mean over random directions of the squared 2-Wasserstein distance between
    projections, in one dimension the mean squared difference of sorted values. From the draws of a batch it is biased
    upwards; the bias falls as the batch grows.
    """

    projections: Annotated[int, Ge(1)] = 50
    """Number of random directions, drawn anew at each step."""
    weight: Annotated[float, Ge(0)] = 100.0
    """lambda, nats per unit of squared distance."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        from vaelab.objectives.sliced import squared_sliced_wasserstein

        (latent,) = trace.latents
        z, priors = latent.code.flatten(0, 1), prior_draws(latent).flatten(0, 1)
        distance = squared_sliced_wasserstein(z, priors, self.projections)
        return trace.penalised_reconstruction.mean() + self.weight * distance
