"""The importance-weighted bound."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from vaelab.piece import Piece, Tag
from vaelab.schedules import Constant, Progress

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.trace import Trace


@dataclass(frozen=True)
class Iwae(Piece):
    """The negative importance-weighted bound of k samples.

    loss = -log (1/k) sum_i p(x, z_i) / q(z_i | x), in nats an image: Burda, Grosse and Salakhutdinov (2016),
    equation 8. It falls to -log p(x) as k grows, and with k = 1 it is the negative ELBO, its KL sampled.
    """

    samples: Annotated[int, Ge(1)] = 50
    """k, draws of z an image."""
    kind: Tag[Literal["iwae"]] = field(default="iwae", repr=False, kw_only=True)

    @property
    def beta(self) -> Constant:
        """The bound has no weight on a KL."""
        return Constant(1.0)

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        bound = trace.log_weight.logsumexp(0) - math.log(len(trace.log_weight))
        return (trace.penalty - bound).mean()
