"""The importance-weighted bound with its doubly reparameterised gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.objectives.iwae import log_mean_weight
from vaelab.objectives.objective import ObjectiveSpec
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


@dataclass(frozen=True)
class Dreg(ObjectiveSpec):
    """Importance-weighted bound with doubly reparameterised gradients, DReG (Tucker et al. 2019).

    The value is the bound of `Iwae`; the encoder's gradient keeps its signal-to-noise ratio as k grows. With w_i =
    p(x, z_i) / q(z_i | x) and v_i = w_i / sum_j w_j, the encoder follows
    sum_i v_i^2 (d log w_i / d z_i) (d z_i / d phi), the decoder sum_i v_i d log w_i / d theta: Tucker et al. (2019),
    "Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives".
    """

    samples: Annotated[int, Ge(1)] = 50
    """k, draws of z per image."""
    needs: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.one_latent, Trait.independent_draws, Trait.real_codes, Trait.fixed_likelihood, Trait.density}
    )

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        import torch

        from vaelab.objectives.path import log_q_along_the_path

        (latent,) = trace.latents
        log_weight = latent.p.log_prob(latent.code) - trace.reconstruction - log_q_along_the_path(latent)
        share = log_weight.detach().softmax(0)
        surrogate = (share * log_weight).sum(0)
        if latent.code.requires_grad:
            # Only the encoder's gradient passes through z. It gets the second factor v_i by a term whose slope is the
            # difference. A hook on z would be faster, but would scale the gradients of what is added to this loss too.
            (slope,) = torch.autograd.grad(surrogate.sum(), latent.code, retain_graph=True)
            surrogate = surrogate + ((share[..., None] - 1) * slope * latent.code).sum((0, -1))
        bound = log_mean_weight(log_weight.detach())
        return (trace.penalty - bound - (surrogate - surrogate.detach())).mean()
