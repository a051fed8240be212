"""Likelihoods p(x | z) of pictures.

Adding one is a dataclass here and a file with the module it builds. Each `build` is told (C, H, W) of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt
from pydantic import Field

from vaelab.piece import Piece, Tag

if TYPE_CHECKING:
    from vaelab.likelihoods.likelihood import Likelihood as LikelihoodModule


@dataclass(frozen=True)
class Bernoulli(Piece):
    """Independent binary pixels, p = sigmoid(theta(z)); on grey pixels a cross-entropy, not a likelihood."""

    kind: Tag[Literal["bernoulli"]] = field(default="bernoulli", repr=False, kw_only=True)

    def build(self, image: tuple[int, int, int]) -> LikelihoodModule:
        """The likelihood of pictures of (C, H, W)."""
        from vaelab.likelihoods.bernoulli import BernoulliLikelihood

        return BernoulliLikelihood()


@dataclass(frozen=True)
class ContinuousBernoulli(Piece):
    """The Bernoulli made a density of grey pixels by its normaliser (Loaiza-Ganem and Cunningham 2019)."""

    kind: Tag[Literal["continuous-bernoulli"]] = field(default="continuous-bernoulli", repr=False, kw_only=True)

    def build(self, image: tuple[int, int, int]) -> LikelihoodModule:
        """The likelihood of pictures of (C, H, W)."""
        from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulliLikelihood

        return ContinuousBernoulliLikelihood()


@dataclass(frozen=True)
class GaussianPixels(Piece):
    """p(x | z) = N(x; theta(z), sigma^2 I), one fixed sigma, on the scale where white is 1."""

    sigma: Annotated[float, Gt(0)] = 0.1
    kind: Tag[Literal["gaussian-pixels"]] = field(default="gaussian-pixels", repr=False, kw_only=True)

    def build(self, image: tuple[int, int, int]) -> LikelihoodModule:
        """The likelihood of pictures of (C, H, W)."""
        from vaelab.likelihoods.gaussian import GaussianLikelihood

        return GaussianLikelihood(self.sigma)


@dataclass(frozen=True)
class LearnedGaussian(Piece):
    """p(x | z) = N(x; theta(z), sigma^2 I), one sigma for all pixels, learned with the weights."""

    kind: Tag[Literal["learned-gaussian"]] = field(default="learned-gaussian", repr=False, kw_only=True)

    def build(self, image: tuple[int, int, int]) -> LikelihoodModule:
        """The likelihood of pictures of (C, H, W)."""
        from vaelab.likelihoods.learned_gaussian import LearnedGaussianLikelihood

        return LearnedGaussianLikelihood()


@dataclass(frozen=True)
class OptimalGaussian(Piece):
    """p(x | z) = N(x; theta(z), sigma^2 I), sigma^2 the batch's squared error (Rybkin, Daniilidis and Levine 2021)."""

    kind: Tag[Literal["optimal-gaussian"]] = field(default="optimal-gaussian", repr=False, kw_only=True)

    def build(self, image: tuple[int, int, int]) -> LikelihoodModule:
        """The likelihood of pictures of (C, H, W)."""
        from vaelab.likelihoods.optimal_gaussian import OptimalGaussianLikelihood

        return OptimalGaussianLikelihood()


@dataclass(frozen=True)
class DiscretisedLogistic(Piece):
    """A mixture of logistics a pixel, discretised to its 256 values, as in PixelCNN++ (Salimans et al. 2017)."""

    components: Annotated[int, Ge(1)] = 5
    """K, logistics in the mixture of a pixel."""
    kind: Tag[Literal["discretised-logistic"]] = field(default="discretised-logistic", repr=False, kw_only=True)

    def build(self, image: tuple[int, int, int]) -> LikelihoodModule:
        """The likelihood of pictures of (C, H, W)."""
        from vaelab.likelihoods.discretised_logistic import DiscretisedLogisticLikelihood

        return DiscretisedLogisticLikelihood(self.components, image[0])


@dataclass(frozen=True)
class CategoricalPixels(Piece):
    """A softmax over the 256 values of each pixel and channel (van den Oord, Kalchbrenner and Kavukcuoglu 2016)."""

    kind: Tag[Literal["categorical-pixels"]] = field(default="categorical-pixels", repr=False, kw_only=True)

    def build(self, image: tuple[int, int, int]) -> LikelihoodModule:
        """The likelihood of pictures of (C, H, W)."""
        from vaelab.likelihoods.categorical import CategoricalLikelihood

        return CategoricalLikelihood()


Likelihood = Annotated[
    Bernoulli
    | ContinuousBernoulli
    | GaussianPixels
    | LearnedGaussian
    | OptimalGaussian
    | DiscretisedLogistic
    | CategoricalPixels,
    Field(discriminator="kind"),
]

__all__ = [
    "Bernoulli",
    "CategoricalPixels",
    "ContinuousBernoulli",
    "DiscretisedLogistic",
    "GaussianPixels",
    "LearnedGaussian",
    "Likelihood",
    "OptimalGaussian",
]
