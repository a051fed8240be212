"""VIMCO, the importance-weighted bound for codes that cannot be reparameterised."""

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
class Vimco(ObjectiveSpec):
    """Importance-weighted bound with score-function gradients, VIMCO (Mnih and Rezende 2016).

    The value is the bound of `Iwae`, for codes of any kind. The gradient is that of the bound at fixed draws, plus
    sum_i (L - L_i) d log q(z_i | x), with L the bound and L_i the bound in which the weight of draw i is replaced by
    the geometric mean of the others: Mnih and Rezende (2016), "Variational Inference for Monte Carlo Objectives". L_i
    does not depend on draw i, so the gradient is unbiased.
    """

    samples: Annotated[int, Ge(2)] = 10
    """k, draws of z per image; the baseline of each comes from the others."""
    needs: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.one_latent, Trait.independent_draws, Trait.fixed_likelihood, Trait.density, Trait.random_codes}
    )
    score_function: ClassVar[bool] = True

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        from vaelab.objectives.scored import log_densities_at_fixed_codes

        log_joint, log_q = log_densities_at_fixed_codes(trace)
        log_weight = log_joint - log_q
        bound = log_mean_weight(log_weight)
        signal = bound.detach() - bounds_without_each(log_weight.detach())
        score = (signal * log_q).sum(0)
        return (trace.penalty - bound - (score - score.detach())).mean()


def bounds_without_each(log_weight: Tensor) -> Tensor:
    """The bound with the weight of each draw replaced by the geometric mean of the others, (S, B), nats.

    >>> import torch
    >>> bounds_without_each(torch.tensor([[2.0], [5.0]]))
    tensor([[5.],
            [2.]])
    """
    import torch

    draws = len(log_weight)
    of_others = (log_weight.sum(0) - log_weight) / (draws - 1)
    own = torch.eye(draws, dtype=torch.bool, device=log_weight.device)[..., None]
    return log_mean_weight(torch.where(own, of_others, log_weight[:, None]))
