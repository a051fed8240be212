"""The evidence lower bound with a target for the KL of each of two latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.objectives.objective import ObjectiveSpec
from vaelab.schedules import AnySchedule, Linear, Progress
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace


@dataclass(frozen=True)
class JointCapacity(ObjectiveSpec):
    """Controlled capacities of a continuous and a discrete latent, each held to its own target (Dupont 2018).

    loss = E_q[-log p(x | z, c)] + gamma |KL_z - C_z(t)| + gamma |KL_c - C_c(t)|, in nats per image. C_c above
    slots log(size), the most that codes can hold under `UniformCodes`, is a pull to use all of it.
    """

    gamma: Annotated[float, Ge(0)] = 30.0
    """Weight of both |KL - C|."""
    capacity: AnySchedule = Linear(epochs=10, stop=5.0, smooth=True)
    """C_z, the target of the continuous latent's KL, nats."""
    code_capacity: AnySchedule = Linear(epochs=10, stop=5.0, smooth=True)
    """C_c, the target of the codes' KL, nats."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of the latents per image."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.real_and_code})

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        of_z, of_codes = trace.kl.mean((1, 2))
        excess = (of_z - self.capacity(progress)).abs() + (of_codes - self.code_capacity(progress)).abs()
        loss: Tensor = trace.penalised_reconstruction.mean() + self.gamma * excess
        return loss
