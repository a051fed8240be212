"""The covariance of the aggregate posterior held to the identity."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.objectives.objective import ObjectiveSpec
from vaelab.spec import Trait

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributions import Distribution

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


class _Dip(ObjectiveSpec):
    """The ELBO with a penalty on a covariance S: off sum_{i != j} S_ij^2 + on sum_i (S_ii - 1)^2."""

    off: float
    on: float
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.known_moments})

    @abstractmethod
    def covariance(self, q: Distribution) -> Tensor:
        """S, (D, D), from the posteriors of a batch."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        (latent,) = trace.latents
        covariance = self.covariance(latent.q)
        variances = covariance.diagonal()
        off = covariance.square().sum() - variances.square().sum()
        return trace.cost().mean() + self.off * off + self.on * (variances - 1).square().sum()


@dataclass(frozen=True)
class DipI(_Dip):
    """DIP-VAE-I: S is the covariance of the posteriors' means.

    loss = -ELBO + off sum_{i != j} S_ij^2 + on sum_i (S_ii - 1)^2, in nats per image: Kumar, Sattigeri and
    Balakrishnan (2018), equation 6.
    """

    off: Annotated[float, Ge(0)] = 10.0
    """lambda_od, of covariances."""
    on: Annotated[float, Ge(0)] = 100.0
    """lambda_d, of variances away from 1."""
    samples: Annotated[int, Ge(1)] = 1

    def covariance(self, q: Distribution) -> Tensor:
        """Cov_x(mu(x)), (D, D)."""
        return _covariance_of(q.mean)


@dataclass(frozen=True)
class DipII(_Dip):
    """DIP-VAE-II: S is the covariance of the aggregate posterior.

    S = E_x[Cov(z | x)] + Cov_x(mu(x)) in the loss of `DipI`: Kumar, Sattigeri and Balakrishnan (2018), equation 7.
    """

    off: Annotated[float, Ge(0)] = 10.0
    """lambda_od, of covariances."""
    on: Annotated[float, Ge(0)] = 10.0
    """lambda_d, of variances away from 1."""
    samples: Annotated[int, Ge(1)] = 1

    def covariance(self, q: Distribution) -> Tensor:
        """E_x[Cov(z | x)] + Cov_x(mu(x)), (D, D)."""
        full = getattr(q, "covariance_matrix", None)
        within = q.variance.mean(0).diag() if full is None else full.mean(0)
        return within + _covariance_of(q.mean)


def _covariance_of(means: Tensor) -> Tensor:
    """Over the batch, (D, D), with the batch's size as divisor, as the paper's expectation has it."""
    centred = means - means.mean(0)
    return centred.T @ centred / len(means)
