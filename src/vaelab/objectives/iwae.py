"""The importance-weighted bound."""

from __future__ import annotations

import math
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
class Iwae(ObjectiveSpec):
    """Importance-weighted bound of k samples, IWAE (Burda, Grosse and Salakhutdinov 2016).

    loss = -log (1/k) sum_i p(x, z_i) / q(z_i | x), in nats per image: Burda, Grosse and Salakhutdinov (2016),
    equation 8. It decreases to -log p(x) as k grows; with k = 1 it is the negative ELBO with a sampled KL.
    """

    samples: Annotated[int, Ge(1)] = 50
    """k, draws of z per image."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.fixed_likelihood, Trait.density, Trait.exact_draws})

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        return (trace.penalty - log_mean_weight(trace.log_weight)).mean()


def log_mean_weight(log_weight: Tensor) -> Tensor:
    """log (1/k) sum_i w_i over the first dimension of log w, nats."""
    return log_weight.logsumexp(0) - math.log(len(log_weight))
