"""Importance-weighted bounds that keep a useful gradient for the encoder: MIWAE, PIWAE and CIWAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from vaelab.errors import UserError
from vaelab.objectives.iwae import log_mean_weight
from vaelab.objectives.objective import ObjectiveSpec
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


class _Grouped(ObjectiveSpec):
    """An objective whose draws are split into groups of equal size."""

    samples: int
    groups: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check(self.samples)

    def _check(self, draws: int) -> None:
        if draws % self.groups:
            name = type(self).__name__
            raise UserError(f"{name}.groups is {self.groups}, but must divide the number of draws, {draws}")

    def grouped(self, log_weight: Tensor) -> Tensor:
        """Values of (S, B) as (K, M, B): K draws in each of M groups."""
        self._check(len(log_weight))
        return log_weight.reshape(-1, self.groups, log_weight.shape[1])


@dataclass(frozen=True)
class Miwae(_Grouped):
    """Mean of several importance-weighted bounds, MIWAE (Rainforth et al. 2018).

    loss = -(1/M) sum_m log (1/K) sum_k w_mk, w_mk = p(x, z_mk) / q(z_mk | x), in nats per image: Rainforth et al.
    (2018), "Tighter Variational Bounds are Not Necessarily Better", section 5. With M = 1 it is `Iwae`; with K = 1 the
    negative ELBO with a sampled KL. The gradient of the encoder keeps its signal-to-noise ratio as M grows, and loses
    it as K grows.
    """

    samples: Annotated[int, Ge(1)] = 64
    """M K, draws of z per image."""
    groups: Annotated[int, Ge(1)] = 8
    """M, the number of bounds, which divides the number of draws."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.fixed_likelihood, Trait.density, Trait.exact_draws})

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        return (trace.penalty - log_mean_weight(self.grouped(trace.log_weight))).mean()


@dataclass(frozen=True)
class Ciwae(ObjectiveSpec):
    """Combination of the ELBO and the importance-weighted bound, CIWAE (Rainforth et al. 2018).

    loss = -share (1/K) sum_k log w_k - (1 - share) log (1/K) sum_k w_k, w_k = p(x, z_k) / q(z_k | x), in nats per
    image: Rainforth et al. (2018), "Tighter Variational Bounds are Not Necessarily Better", section 5, where the share
    is called beta. Both bounds take the same draws.
    """

    samples: Annotated[int, Ge(1)] = 50
    """K, draws of z per image."""
    share: Annotated[float, Ge(0), Le(1)] = 0.5
    """The weight of the ELBO; the bound of `Iwae` has the rest."""
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.fixed_likelihood, Trait.density, Trait.exact_draws})

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        elbo, bound = trace.log_weight.mean(0), log_mean_weight(trace.log_weight)
        return (trace.penalty - self.share * elbo - (1 - self.share) * bound).mean()


@dataclass(frozen=True)
class Piwae(_Grouped):
    """Encoder by MIWAE, decoder by IWAE, from the same draws: PIWAE (Rainforth et al. 2018).

    The value is the bound of `Iwae` with M K draws, whose gradient the decoder and the prior follow; the encoder
    follows that of `Miwae` with M groups of K draws: Rainforth et al. (2018), "Tighter Variational Bounds are Not
    Necessarily Better", section 5. With w_mk = p(x, z_mk) / q(z_mk | x), the decoder's gradient weighs d log w_mk by
    w_mk / sum_mk w_mk and the encoder's by (1/M) w_mk / sum_k w_mk. Both come from one backward pass. A prior that is
    built from the model's own posterior counts as part of the decoder.
    """

    samples: Annotated[int, Ge(1)] = 64
    """M K, draws of z per image."""
    groups: Annotated[int, Ge(1)] = 8
    """M, the number of bounds that the encoder follows, which divides the number of draws."""
    needs: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.one_latent, Trait.real_codes, Trait.fixed_likelihood, Trait.density}
    )

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        import torch

        (latent,) = trace.latents
        log_joint = latent.p.log_prob(latent.code) - trace.reconstruction
        log_q = latent.q.log_prob(latent.code)
        log_weight = (log_joint - log_q).detach()
        of_all = log_weight.softmax(0)
        of_group = self.grouped(log_weight).softmax(0).flatten(0, 1) / self.groups
        surrogate = (of_all * log_joint - of_group * log_q).sum(0)
        if latent.code.requires_grad:
            # Only the encoder's gradient passes through the draws: there, and not in the decoder's weights, the share
            # of a draw is exchanged.
            exchanged = ((of_group - of_all) * log_joint).sum()
            (slope,) = torch.autograd.grad(exchanged, latent.code, retain_graph=True)
            surrogate = surrogate + (slope * latent.code).sum((0, -1))
        return (trace.penalty - log_mean_weight(log_weight) - (surrogate - surrogate.detach())).mean()
