"""Priors on manifolds: the sphere, the Poincare ball, that of the latents themselves; and over positive numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Lt

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
class UniformManifold(PriorSpec):
    """Uniform prior on the manifold of latents, fitted after training (Chadebec and Allassonniere 2022).

    p(z) = sqrt(det G(z)) / Z, with a Riemannian metric G that is made of the posteriors of training images, in which p
    is high. Before it is fitted it is N(0, I). Draws are those of Hamiltonian Monte Carlo, in any number of dimensions.
    In one and two dimensions Z comes from quadrature, and log p(z) is exact. Above, Z is estimated once, by importance
    samples: log p(z) then has an error that is the same for every z, and log p(x) is not called exact.
    """

    components: Annotated[int, Ge(1)] = 500
    """Training images of which the metric is made, drawn at random."""
    spread: Annotated[float, Gt(0)] = 1.0
    """Factor on the deviations of the posteriors."""
    floor: Annotated[float, Gt(0), Lt(1)] = 0.01
    """Weight of a Gaussian twice as wide as all latents, which keeps p positive between and beyond the posteriors."""
    transitions: Annotated[int, Ge(1)] = 10
    """Transitions of Hamiltonian Monte Carlo per draw."""
    learned: ClassVar[bool] = False
    of_posteriors: ClassVar[bool] = True
    fitted_at_once: ClassVar[bool] = True

    def exact_over(self, latent: int) -> bool:
        """Whether the normaliser is found by quadrature."""
        return latent <= 2

    def build(self, sizes: PriorSizes) -> Prior:
        """Build the prior over `sizes.latent` dimensions, N(0, I) until it is fitted."""
        from vaelab.priors.uniform_manifold import UniformManifoldPrior

        return UniformManifoldPrior(sizes.latent, self.components, self.spread, self.floor, self.transitions)


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
