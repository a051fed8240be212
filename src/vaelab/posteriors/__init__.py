"""Posteriors q(z | x).

A new one is a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Lt

from vaelab.errors import UserError
from vaelab.spec import Spec, Trait, any_of

if TYPE_CHECKING:
    from vaelab.contract import Network, Posterior


class PosteriorSpec(Spec, room=True):
    """Base of the posteriors.

    A subclass that says nothing of itself is taken for a posterior over real vectors whose moments are not known.
    """

    discrete: ClassVar[bool] = False
    """Its codes are the integers of a codebook, instead of real vectors."""
    traits: ClassVar[frozenset[Trait]] = frozenset()
    """The properties that objectives and figures can rely on; that codes are real follows from `discrete`."""

    @abstractmethod
    def build(self, network: Network, latent: int) -> Posterior:
        """The posterior with fresh weights: a `vaelab.contract.Posterior` over `latent` dimensions per position."""


@dataclass(frozen=True)
class Gaussian(PosteriorSpec):
    """q(z | x) = N(z; mu(x), diag(sigma(x)^2)) (Kingma and Welling 2014, equation 9)."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.known_moments, Trait.independent_dimensions})

    def build(self, network: Network, latent: int) -> Posterior:
        """The posterior over `latent` dimensions a place of the network's."""
        from vaelab.posteriors.gaussian import GaussianPosterior

        return GaussianPosterior(network, latent)


@dataclass(frozen=True)
class FullGaussian(PosteriorSpec):
    """q(z | x) = N(z; mu(x), L(x) L(x)^T), L triangular (Kingma and Welling 2019, section 2.5.1)."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.known_moments})

    def build(self, network: Network, latent: int) -> Posterior:
        """The posterior over `latent` dimensions a place of the network's, all places together."""
        from vaelab.posteriors.full_gaussian import FullGaussianPosterior

        return FullGaussianPosterior(network, latent)


@dataclass(frozen=True)
class FlowPosterior(PosteriorSpec):
    """A diagonal Gaussian bent by neural splines (Rezende and Mohamed 2015; Durkan et al. 2019)."""

    transforms: Annotated[int, Ge(1)] = 2
    """Transformations, one after another."""
    hidden: tuple[Annotated[int, Ge(1)], ...] = (64, 64)
    """Widths of the network of each."""
    context: Annotated[int, Ge(1)] = 32
    """Numbers that these networks are told of the image."""

    def build(self, network: Network, latent: int) -> Posterior:
        """The posterior over `latent` dimensions a place of the network's, all places together."""
        from vaelab.posteriors.flow import SplinePosterior

        return SplinePosterior(network, latent, self.transforms, self.hidden, self.context)


@dataclass(frozen=True)
class Codebook(PosteriorSpec):
    """Each place's vector replaced by the nearest of a codebook (van den Oord et al. 2017, eqs. 1 and 2)."""

    size: Annotated[int, Ge(2)] = 512
    """K, vectors in the codebook."""
    commitment: Annotated[float, Gt(0)] = 0.25
    """Weight of the squared distance between a vector and its code (equation 3)."""
    decay: Annotated[float, Gt(0), Lt(1)] = 0.99
    """Memory of the moving averages that the codebook follows (appendix A.1)."""
    restart_below: Annotated[float, Ge(0), Lt(1)] = 0.03
    """A code used less often than this share of the average use restarts at a vector of the batch; 0 for never."""
    discrete: ClassVar[bool] = True

    def build(self, network: Network, latent: int) -> Posterior:
        """The posterior, a code a place of the network's."""
        from vaelab.posteriors.codebook import CodebookPosterior

        return CodebookPosterior(network, latent, self.size, self.commitment, self.decay, self.restart_below)


@dataclass(frozen=True)
class ResidualCodebook(PosteriorSpec):
    """Codebooks in a row, each for what those before it left over (Zeghidour et al. 2021, algorithm 1)."""

    size: Annotated[int, Ge(2)] = 256
    """K, vectors in each codebook."""
    levels: Annotated[int, Ge(1)] = 2
    """Codebooks, and codes a place."""
    commitment: Annotated[float, Gt(0)] = 0.25
    """Weight of the squared distance between a vector and what its codes add up to."""
    decay: Annotated[float, Gt(0), Lt(1)] = 0.99
    """Memory of the moving averages that the codebooks follow."""
    restart_below: Annotated[float, Ge(0), Lt(1)] = 0.03
    """A code used less often than this share of the average use restarts at a vector of the batch; 0 for never."""
    discrete: ClassVar[bool] = True

    def build(self, network: Network, latent: int) -> Posterior:
        """The posterior, `levels` codes a place of the network's."""
        from vaelab.posteriors.residual_codebook import ResidualCodebookPosterior

        return ResidualCodebookPosterior(
            network, latent, self.size, self.levels, self.commitment, self.decay, self.restart_below
        )


@dataclass(frozen=True)
class FiniteScalar(PosteriorSpec):
    """Each number of a place's vector rounded to one of a few levels (Mentzer et al. 2024, section 3.1)."""

    levels: tuple[Annotated[int, Ge(3)], ...] = (8, 8, 8)
    """Levels of each number; the codebook has as many codes as their product."""
    discrete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.levels:
            raise UserError("FiniteScalar.levels is empty, but needs numbers of levels, each at least 3")

    @property
    def size(self) -> int:
        """Codes in all.

        >>> FiniteScalar(levels=(8, 5, 5)).size
        200
        """
        return prod(self.levels)

    def build(self, network: Network, latent: int) -> Posterior:
        """The posterior, a code a place of the network's."""
        from vaelab.posteriors.finite_scalar import FiniteScalarPosterior

        return FiniteScalarPosterior(network, latent, self.levels)


AnyPosterior = Annotated[PosteriorSpec, any_of(PosteriorSpec)]

__all__ = [
    "AnyPosterior",
    "Codebook",
    "FiniteScalar",
    "FlowPosterior",
    "FullGaussian",
    "Gaussian",
    "PosteriorSpec",
    "ResidualCodebook",
]
