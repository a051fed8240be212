"""The evidence lower bound with the gradient along the path."""

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
class StickingTheLanding(ObjectiveSpec):
    """Evidence lower bound with the path derivative, STL (Roeder, Wu and Duvenaud 2017).

    loss = -log p(x, z) + log q(z | x), in nats per image, whose gradient reaches the encoder through z alone: Roeder,
    Wu and Duvenaud (2017), "Sticking the Landing". The score function that it leaves out has mean zero, so the gradient
    is unbiased, and its variance vanishes where q is the true posterior. The KL is sampled.
    """

    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image, over which the bound is averaged."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.real_codes, Trait.density})

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        from vaelab.objectives.path import log_q_along_the_path

        (latent,) = trace.latents
        kl = log_q_along_the_path(latent) - latent.p.log_prob(latent.code)
        return (trace.penalised_reconstruction + kl).mean()
