"""Priors of latents that are not real vectors: on the sphere, in the Poincare ball, over positive numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Gt

from vaelab.priors.prior import PriorSpec
from vaelab.sizes import POSITIVE, SPHERE, PriorSizes, Space, poincare_ball

if TYPE_CHECKING:
    from vaelab.contract import Prior


@dataclass(frozen=True)
class UniformSphere(PriorSpec):
    """Uniform prior on the unit sphere, without parameters (Davidson et al. 2018, section 3).

    p(z) = 1 / area.
    """

    space: ClassVar[Space] = SPHERE
    reparameterised: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over unit vectors of `sizes.latent` numbers."""
        from vaelab.priors.manifolds import UniformSpherePrior

        return UniformSpherePrior(sizes.latent)


@dataclass(frozen=True)
class PoincareNormal(PriorSpec):
    """Normal prior wrapped around the Poincare ball, about its origin (Mathieu et al. 2019; Nagano et al. 2019).

    z = exp_0(v / 2), v ~ N(0, scale^2 I). Densities are per hyperbolic volume.
    """

    curvature: Annotated[float, Gt(0)] = 1.0
    """c > 0, in a ball of curvature -c and radius 1 / sqrt(c); the posterior's must be the same."""
    scale: Annotated[float, Gt(0)] = 1.0
    """Standard deviation of each entry of v, in units of distance."""
    reparameterised: ClassVar[bool] = True

    @property
    def space(self) -> Space:  # type: ignore[override]
        """The ball of this curvature."""
        return poincare_ball(self.curvature)

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over points of `sizes.latent` numbers."""
        from vaelab.priors.manifolds import PoincareNormalPrior

        return PoincareNormalPrior(sizes.latent, self.curvature, self.scale)


@dataclass(frozen=True)
class GammaPrior(PriorSpec):
    """Independent gamma prior over positive numbers, without parameters to learn.

    p(z) = prod_i Gamma(z_i; concentration, rate).
    """

    concentration: Annotated[float, Gt(0)] = 2.0
    """Shape; below 1 the density is infinite at zero."""
    rate: Annotated[float, Gt(0)] = 1.0
    """Inverse scale; the mean is concentration / rate."""
    space: ClassVar[Space] = POSITIVE
    reparameterised: ClassVar[bool] = True

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.latent` dimensions."""
        from vaelab.priors.manifolds import IndependentGammaPrior

        return IndependentGammaPrior(sizes.latent, self.concentration, self.rate)
