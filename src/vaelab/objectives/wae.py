"""The Wasserstein autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.objectives.kernels import AnyKernel, InverseMultiquadratic
from vaelab.objectives.matching import Matching, prior_draws

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


@dataclass(frozen=True)
class Wae(Matching):
    """Wasserstein autoencoder with the maximum mean discrepancy, WAE-MMD (Tolstikhin et al. 2018).

    loss = E_q[-log p(x | z)] + weight MMD^2(q(z), p(z)), in nats per image: Tolstikhin et al. (2018), "Wasserstein
    Auto-Encoders", algorithm 2. The cost between images is -log p(x | z), for normal pixels the paper's squared error
    up to a constant. The discrepancy is an unbiased estimate from a batch, so that it can be negative. With several
    draws per image, it is the mean over draws, since the draws for one image are not independent draws from q(z).
    """

    kernel: AnyKernel = InverseMultiquadratic()
    """The kernel of the discrepancy."""
    weight: Annotated[float, Ge(0)] = 100.0
    """lambda, nats per unit of squared discrepancy."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        from vaelab.objectives.mmd import unbiased_squared_mmd

        (latent,) = trace.latents
        discrepancy = unbiased_squared_mmd(latent.code, prior_draws(latent), self.kernel).mean()
        return trace.penalised_reconstruction.mean() + self.weight * discrepancy
