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
    """Evidence lower bound with a weight beta on the KL (Kingma and Welling 2014; Higgins et al. 2017).

    loss = E_q[-log p(x | z)] + beta KL(q(z | x) || p(z)), in nats per image.

    With beta = 1 it is Kingma and Welling (2014), equation 3; with a constant beta above 1, the beta-VAE of Higgins et
    al. (2017), equation 4; with a schedule that rises to 1, KL warm-up.
    """

    beta: AnySchedule = Constant(1.0)
    """Weight of the KL."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image, over which the bound is averaged."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        return trace.cost(self.beta(progress)).mean()
