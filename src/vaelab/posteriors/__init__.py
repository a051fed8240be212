"""Posteriors q(z | x).

To add one, write a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Lt

from vaelab.errors import UserError
from vaelab.flows import AnyTransform, FlowSizes, Spline
from vaelab.posteriors.binary_specs import BinarySpherical as BinarySpherical, LookupFree as LookupFree
from vaelab.posteriors.categorical_specs import (
    CategoricalPosterior as CategoricalPosterior,
    GumbelSoftmax as GumbelSoftmax,
    HierarchicalCodebook as HierarchicalCodebook,
)
from vaelab.posteriors.independent_specs import (
    GammaPosterior as GammaPosterior,
    StudentTPosterior as StudentTPosterior,
)
from vaelab.posteriors.manifold_specs import (
    VonMisesFisher as VonMisesFisher,
    WrappedNormal as WrappedNormal,
)
from vaelab.posteriors.posterior import PosteriorSpec as PosteriorSpec
from vaelab.spec import any_of
from vaelab.traits import Trait

if TYPE_CHECKING:
    from vaelab.contract import Network, Posterior


@dataclass(frozen=True)
class Gaussian(PosteriorSpec):
    """Diagonal Gaussian posterior (Kingma and Welling 2014, equation 9).

    q(z | x) = N(z; mu(x), diag(sigma(x)^2)).
    """

    traits: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.known_moments, Trait.independent_dimensions, Trait.gaussian_posterior}
    )

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior over `latent` dimensions per position of the network."""
        from vaelab.posteriors.gaussian import GaussianPosterior

        return GaussianPosterior(network, latent)


@dataclass(frozen=True)
class FullGaussian(PosteriorSpec):
    """Gaussian posterior with a full covariance (Kingma and Welling 2019, section 2.5.1).

    q(z | x) = N(z; mu(x), L(x) L(x)^T), L lower triangular.
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.known_moments, Trait.gaussian_posterior})

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the joint posterior over `latent` dimensions per position of the network.

        Raises:
            UserError: z has more than 512 dimensions.
        """
        from vaelab.posteriors.gaussian import FullGaussianPosterior

        return FullGaussianPosterior(network, latent)


@dataclass(frozen=True)
class Deterministic(PosteriorSpec):
    """Deterministic encoder, of a plain or a regularised autoencoder (Ghosh et al. 2020, section 3).

    q(z | x) = delta(z - mu(x)). It has no density: there are no importance weights and no bound on log p(x). What is
    reported as the KL is -log p(mu(x)), with the entropy of the point left out. log p(x) itself needs only prior and
    decoder, and is exact by quadrature in up to three dimensions; the prior is best fitted afterwards.
    """

    has_density: ClassVar[bool] = False
    kl_is: ClassVar[str] = "-log p(z)"

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior over `latent` dimensions per position of the network."""
        from vaelab.posteriors.deterministic import DeterministicPosterior

        return DeterministicPosterior(network, latent)


@dataclass(frozen=True)
class FlowPosterior(PosteriorSpec):
    """Normalising-flow posterior, by default with neural splines (Rezende and Mohamed 2015; Durkan et al. 2019).

    q(z | x) = N(e; 0, I) |det de/dz|, e the noise that the flow maps z to.
    """

    transforms: Annotated[int, Ge(1)] = 2
    """Number of transformations."""
    hidden: tuple[Annotated[int, Ge(1)], ...] = (64, 64)
    """Widths of each transformation's network."""
    context: Annotated[int, Ge(1)] = 32
    """Number of image features given to each transformation's network."""
    transform: AnyTransform = Spline()
    """What the flow is made of."""

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the joint posterior over `latent` dimensions per position of the network."""
        from vaelab.posteriors.flow import TransformedPosterior

        sizes = FlowSizes(network.positions * latent, self.context, self.transforms, self.hidden, draws=True)
        return TransformedPosterior(network, latent, self.transform, sizes)


@dataclass(frozen=True)
class Codebook(PosteriorSpec):
    """Vector quantisation with one codebook, VQ-VAE (van den Oord et al. 2017, equations 1 and 2)."""

    size: Annotated[int, Ge(2)] = 512
    """Number of vectors in the codebook."""
    commitment: Annotated[float, Gt(0)] = 0.25
    """Weight of the squared distance between a vector and its quantised vector (equation 3)."""
    decay: Annotated[float, Gt(0), Lt(1)] = 0.99
    """Decay of the codebook's moving averages (appendix A.1)."""
    restart_below: Annotated[float, Ge(0), Lt(1)] = 0.03
    """Restart codes used less often than this share of the average use at vectors of the batch; 0 for never."""
    rotation: bool = False
    """Rotate and scale the decoder's gradient from the quantised vector to the vector, instead of passing it straight
    through (Fifty et al. 2024, section 4)."""
    discrete: ClassVar[bool] = True
    random: ClassVar[bool] = False

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with one code per position of the network."""
        from vaelab.posteriors.codebook import CodebookPosterior

        return CodebookPosterior(
            network, latent, self.size, self.commitment, self.decay, self.restart_below, self.rotation
        )


@dataclass(frozen=True)
class SimVq(PosteriorSpec):
    """Vector quantisation with a frozen codebook behind one learned linear map, SimVQ (Zhu et al. 2024).

    z = e_k W, k the nearest: all codes move with W. The penalty is |sg[v] - z|^2 + commitment |v - sg[z]|^2.
    """

    size: Annotated[int, Ge(2)] = 512
    """Number of vectors in the codebook."""
    commitment: Annotated[float, Gt(0)] = 0.25
    """Weight of the squared distance by which vectors move to their codes."""
    rotation: bool = True
    """Rotate and scale the decoder's gradient, as in `Codebook`; False passes it straight through, as the paper does,
    and in a short training uses fewer codes."""
    discrete: ClassVar[bool] = True
    random: ClassVar[bool] = False

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with one code per position of the network."""
        from vaelab.posteriors.sim_vq import SimVqPosterior

        return SimVqPosterior(network, latent, self.size, self.commitment, self.rotation)


@dataclass(frozen=True)
class ResidualCodebook(PosteriorSpec):
    """Residual vector quantisation with several codebooks (Zeghidour et al. 2021, algorithm 1)."""

    size: Annotated[int, Ge(2)] = 256
    """Number of vectors in each codebook."""
    levels: Annotated[int, Ge(1)] = 2
    """Number of codebooks, and of codes per position."""
    commitment: Annotated[float, Gt(0)] = 0.25
    """Weight of the squared distance between a vector and the sum of its quantised vectors."""
    decay: Annotated[float, Gt(0), Lt(1)] = 0.99
    """Decay of the codebooks' moving averages."""
    restart_below: Annotated[float, Ge(0), Lt(1)] = 0.03
    """Restart codes used less often than this share of the average use at vectors of the batch; 0 for never."""
    discrete: ClassVar[bool] = True
    random: ClassVar[bool] = False

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with `levels` codes per position of the network."""
        from vaelab.posteriors.residual_codebook import ResidualCodebookPosterior

        return ResidualCodebookPosterior(
            network, latent, self.size, self.levels, self.commitment, self.decay, self.restart_below
        )


@dataclass(frozen=True)
class FiniteScalar(PosteriorSpec):
    """Finite scalar quantisation, FSQ (Mentzer et al. 2024, section 3.1)."""

    levels: tuple[Annotated[int, Ge(3)], ...] = (8, 8, 8)
    """Number of levels of each entry of a vector; the number of codes is their product."""
    discrete: ClassVar[bool] = True
    random: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.levels:
            raise UserError("FiniteScalar.levels is empty, but needs at least one number of levels, such as (8, 8, 8)")

    @property
    def size(self) -> int:
        """Number of codes, the product of the levels.

        >>> FiniteScalar(levels=(8, 5, 5)).size
        200
        """
        return prod(self.levels)

    def build(self, network: Network, latent: int) -> Posterior:
        """Build the posterior, with one code per position of the network."""
        from vaelab.posteriors.finite_scalar import FiniteScalarPosterior

        return FiniteScalarPosterior(network, latent, self.levels)


AnyPosterior = Annotated[PosteriorSpec, any_of(PosteriorSpec)]
