"""Posteriors on the sphere and in the Poincare ball."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Gt

from vaelab.posteriors.posterior import PosteriorSpec
from vaelab.sizes import SPHERE, Space, poincare_ball

if TYPE_CHECKING:
    from vaelab.contract import Network, Posterior


@dataclass(frozen=True)
class VonMisesFisher(PosteriorSpec):
    """Von Mises-Fisher posterior on the unit sphere, of the S-VAE (Davidson et al. 2018, section 3).

    q(z | x) = C exp(kappa(x) mu(x) . z), z a unit vector of `latent` numbers, all positions together. The KL to
    the prior `UniformSphere` is exact. Densities are per area of the sphere.
    """

    space: ClassVar[Space] = SPHERE

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior on the sphere of unit vectors of `latent` numbers per position of the network.

        Raises:
            UserError: z has one dimension, in which there are only two unit vectors.
        """
        from vaelab.posteriors.von_mises_fisher import VonMisesFisherPosterior

        return VonMisesFisherPosterior(network, latent)


@dataclass(frozen=True)
class WrappedNormal(PosteriorSpec):
    """Normal posterior wrapped around the Poincare ball (Mathieu et al. 2019; Nagano et al. 2019).

    z = exp_m(v / lambda_m), v ~ N(0, diag(sigma(x)^2)), m = m(x). Densities are per hyperbolic volume; the KL is
    sampled.
    """

    curvature: Annotated[float, Gt(0)] = 1.0
    """c > 0, in a ball of curvature -c and radius 1 / sqrt(c); the prior's must be the same."""

    @property
    def space(self) -> Space:  # type: ignore[override]
        """The ball of this curvature."""
        return poincare_ball(self.curvature)

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior over points of `latent` numbers per position of the network."""
        from vaelab.posteriors.wrapped_normal import WrappedNormalPosterior

        return WrappedNormalPosterior(network, latent, self.curvature)
