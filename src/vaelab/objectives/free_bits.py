"""The evidence lower bound with free bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from vaelab.objectives.objective import ObjectiveSpec
from vaelab.schedules import AnySchedule, Constant, Progress

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace


@dataclass(frozen=True)
class FreeBits(ObjectiveSpec):
    """Evidence lower bound with free bits: a floor below which the KL is not penalised (Kingma et al. 2016).

    loss = E_q[-log p(x | z)] + beta sum_j max(floor, E_x KL_j), in nats per image: Kingma et al. (2016),
    "Improved Variational Inference with Inverse Autoregressive Flow", equation 15, with one group per dimension. The
    whole latent is one group if prior or posterior is not a normal with independent dimensions, and in a hierarchy,
    whose latents have thousands of dimensions.
    """

    floor: Annotated[float, Ge(0)] = 0.5
    """lambda, the KL of a group, nats, below which it has no gradient."""
    beta: AnySchedule = Constant(1.0)
    """Weight of the KL."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        whole = len(trace.latents) > 1
        groups = [(latent.kl() if whole else latent.kl_by_dimension()).mean((0, 1)) for latent in trace.latents]
        kl = sum(group.clamp(min=self.floor).sum() for group in groups)
        return trace.penalised_reconstruction.mean() + self.beta(progress) * kl
