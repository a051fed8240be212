"""DIP-VAE, a penalty that pulls the covariance of the aggregate posterior towards the identity."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from vaelab.objectives.objective import ObjectiveSpec
from vaelab.traits import Trait

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributions import Distribution

    from vaelab.contract import Trace
    from vaelab.schedules import Progress


class _Dip(ObjectiveSpec):
    """Negative ELBO plus a penalty on a covariance S: off sum_{i != j} S_ij^2 + on sum_i (S_ii - 1)^2."""

    off: float
    on: float
    needs: ClassVar[frozenset[Trait]] = frozenset({Trait.one_latent, Trait.known_moments})

    @abstractmethod
    def covariance(self, q: Distribution) -> Tensor:
        """S, (D, D), of a batch's posteriors."""

    def __call__(self, trace: Trace, progress: Progress) -> Tensor:
        """The loss, a scalar in nats."""
        (latent,) = trace.latents
        covariance = self.covariance(latent.q)
        variances = covariance.diagonal()
        off = covariance.square().sum() - variances.square().sum()
        return trace.cost().mean() + self.off * off + self.on * (variances - 1).square().sum()


@dataclass(frozen=True)
class DipI(_Dip):
    """DIP-VAE-I, a penalty on the covariance of the posterior means (Kumar et al. 2018).

    loss = -ELBO + off sum_{i != j} S_ij^2 + on sum_i (S_ii - 1)^2, S = Cov_x(mu(x)), in nats per image: Kumar,
    Sattigeri and Balakrishnan (2018), equation 6.
    """

    off: Annotated[float, Ge(0)] = 10.0
    """lambda_od, the weight of squared covariances."""
    on: Annotated[float, Ge(0)] = 100.0
    """lambda_d, the weight of squared deviations of variances from 1."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""

    def covariance(self, q: Distribution) -> Tensor:
        """Cov_x(mu(x)), (D, D)."""
        return _covariance_of(q.mean)


@dataclass(frozen=True)
class DipII(_Dip):
    """DIP-VAE-II, a penalty on the covariance of the aggregate posterior (Kumar et al. 2018).

    The loss of `DipI` with S = E_x[Cov(z | x)] + Cov_x(mu(x)): Kumar, Sattigeri and Balakrishnan (2018), equation 7.
    """

    off: Annotated[float, Ge(0)] = 10.0
    """lambda_od, the weight of squared covariances."""
    on: Annotated[float, Ge(0)] = 10.0
    """lambda_d, the weight of squared deviations of variances from 1."""
    samples: Annotated[int, Ge(1)] = 1
    """Draws of z per image."""

    def covariance(self, q: Distribution) -> Tensor:
        """E_x[Cov(z | x)] + Cov_x(mu(x)), (D, D)."""
        full = getattr(q, "covariance_matrix", None)
        within = q.variance.mean(0).diag() if full is None else full.mean(0)
        return within + _covariance_of(q.mean)


def _covariance_of(means: Tensor) -> Tensor:
    """Covariance over the batch, (D, D), divided by the batch size as in the paper's expectation."""
    centred = means - means.mean(0)
    return centred.T @ centred / len(means)
