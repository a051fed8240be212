"""Reweighted wake-sleep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.errors import UserError
from vaelab.objectives.iwae import log_mean_weight
from vaelab.objectives.objective import ObjectiveSpec
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


@dataclass(frozen=True)
class ReweightedWakeSleep(ObjectiveSpec):
    """Reweighted wake-sleep: the encoder learns to propose, for codes of any kind (Bornschein and Bengio 2015).

    With v_i the normalised importance weights of k fixed draws, the decoder and the prior follow the bound of `Iwae`,
    sum_i v_i d log p(x, z_i). The encoder minimises -sum_i v_i log q(z_i | x) (wake phase) and -log q(z | x) at pairs
    of z and x that the model generates (sleep phase): Bornschein and Bengio (2015), "Reweighted Wake-Sleep"; Le et al.
    (2019), "Revisiting Reweighted Wake-Sleep". No gradient passes through a draw. The wake phase is biased for a finite
    k, since the weights are normalised. The sleep phase is not, but sees no data.
    """

    samples: Annotated[int, Ge(2)] = 10
    """k, draws of z per image; of a single one the encoder would learn nothing."""
    wake: Annotated[float, Ge(0)] = 1.0
    """Weight of the encoder's wake phase."""
    sleep: Annotated[float, Ge(0)] = 0.0
    """Weight of the encoder's sleep phase, which generates one image per image of the batch."""
    needs: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.one_latent, Trait.fixed_likelihood, Trait.density, Trait.random_codes}
    )
    score_function: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.wake and not self.sleep:
            raise UserError(f"{type(self).__name__}.wake and .sleep are both 0, but the encoder needs one above 0")

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        from vaelab.objectives.scored import log_densities_at_fixed_codes

        log_joint, log_q = log_densities_at_fixed_codes(trace)
        log_weight = log_joint - log_q.detach()
        wake = -(log_weight.detach().softmax(0) * log_q).sum(0)
        loss = trace.penalty - log_mean_weight(log_weight) + self.wake * wake
        return (loss + self.sleep * _dreamt(trace) if self.sleep else loss).mean()


def _dreamt(trace: Trace) -> Tensor:
    """-log q(z | x) of a generated pair per image of the batch, (B,)."""
    import torch

    (latent,) = trace.latents
    with torch.no_grad():
        code = latent.p.expand((len(trace.x),)).sample((1,))
        x = trace.at(code).p.sample()[0]
    q = trace.model.posterior_of(x, trace.y)
    nats: Tensor = -q.log_prob(code[0])
    return nats
