"""Posteriors whose dimensions are independent, but not normal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vaelab.posteriors.posterior import PosteriorSpec
from vaelab.sizes import POSITIVE, Space
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.contract import Network, Posterior


@dataclass(frozen=True)
class GammaPosterior(PosteriorSpec):
    """Posterior of independent gamma distributions, over positive numbers, with the prior `GammaPrior`.

    q(z | x) = prod_i Gamma(z_i; alpha_i(x), beta_i(x)). Draws carry implicit gradients (Figurnov, Mohamed and Mnih
    2018), and the KL is exact.
    """

    space: ClassVar[Space] = POSITIVE
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.known_moments, Trait.independent_dimensions})

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior over `latent` dimensions per position of the network."""
        from vaelab.posteriors.independent import IndependentGammaPosterior

        return IndependentGammaPosterior(network, latent)


@dataclass(frozen=True)
class StudentTPosterior(PosteriorSpec):
    """Posterior of independent Student's t distributions, with tails heavier than a normal's.

    q(z | x) = prod_i t(z_i; nu_i(x), m_i(x), s_i(x)), nu > 4. The KL to a normal prior is exact.
    """

    kind: ClassVar[str] = "student-t-posterior"
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.known_moments, Trait.independent_dimensions})

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior over `latent` dimensions per position of the network."""
        from vaelab.posteriors.independent import IndependentStudentPosterior

        return IndependentStudentPosterior(network, latent)
