"""The evidence lower bound."""

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
class Elbo(ObjectiveSpec):
    """The negative ELBO with a weight on its KL.

    loss = E_q[-log p(x | z)] + beta KL(q(z | x) || p(z)), in nats per image.

    Kingma and Welling (2014), equation 3, with beta = 1; Higgins et al. (2017), equation 4, with a constant
    beta above 1; warm-up with a schedule that rises to 1.
    """

    beta: AnySchedule = Constant(1.0)
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z an image, over which the bound is averaged."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        return trace.cost(self.beta(progress)).mean()
