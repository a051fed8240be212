"""Semi-amortised training: the bound after a few gradient steps on each image's posterior."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Lt

from vaelab.objectives.objective import ObjectiveSpec
from vaelab.schedules import AnySchedule, Constant, Progress
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace


@dataclass(frozen=True)
class SemiAmortised(ObjectiveSpec):
    """Evidence lower bound after gradient steps on each image's posterior, SA-VAE (Kim et al. 2018).

    loss = E_q_k[-log p(x | z)] + beta KL(q_k || p(z)), q_0 = q(z | x) of the encoder and q_k a step of gradient ascent
    on the same bound from q_(k-1): Kim, Wiseman, Miller, Sontag and Rush (2018), algorithm 1. With `through`, encoder
    and decoder get the gradient of this loss through all steps. Without it the decoder and the prior get the gradient
    at a fixed q_k, and the encoder that of its own bound at q_0, as in Krishnan, Liang and Hoffman (2018).

    There are two differences from Kim et al. (2018). Steps are in units of q's scale, and their length is bounded
    smoothly, instead of plain steps with momentum and a clipped gradient. Second derivatives are exact, not by finite
    differences. The totals that training reports are those of the encoder, before refinement; `vaelab.refine` and the
    evaluation's part `gaps` refine a trained model.
    """

    steps: Annotated[int, Ge(1)] = 5
    """k, gradient steps per image."""
    rate: Annotated[float, Gt(0), Lt(1)] = 0.3
    """Rate of a step, in units of q's scale."""
    through: bool = True
    """Differentiate through the steps."""
    beta: AnySchedule = Constant(1.0)
    """Weight of the KL."""
    draws: Annotated[int, Ge(1)] = 2
    """Draws of z per image and step, in mirrored pairs."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image, over which the bound is averaged."""
    needs: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.one_latent, Trait.real_codes, Trait.gaussian_posterior, Trait.fixed_likelihood}
    )

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        from vaelab.distributions.gaussians import Gaussians, climbed
        from vaelab.objectives.sides import inference_weights, other_weights, restricted, twice_differentiable

        (latent,) = trace.latents
        beta = self.beta(progress)

        def log_density(z: Tensor) -> Tensor:
            with twice_differentiable():
                there = trace.at(z)
            return beta * there.latents[0].p.log_prob(z) - there.reconstruction

        start = Gaussians.of(latent.q)
        q = climbed(log_density, start, self.steps, self.draws, self.rate, beta, self.through).distribution
        there = trace.at(q.rsample((self.samples,)))
        refined = replace(there, latents=(replace(there.latents[0], q=q, penalty=None),))
        loss = refined.cost(beta).mean()
        if self.through:
            return loss + trace.penalty.mean()
        own, encoder = trace.cost(beta).mean(), inference_weights(trace)
        # The value is that of the refined bound; the encoder's own bound lends its gradient alone.
        lent = restricted(own, encoder) - own.detach()
        return restricted(loss, other_weights(trace, encoder)) + trace.penalty.detach().mean() + lent
