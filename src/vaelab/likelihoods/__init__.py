"""Likelihoods p(x | z) of images.

A new one is a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt

from vaelab.spec import Spec, any_of

if TYPE_CHECKING:
    from vaelab.contract import Likelihood


class LikelihoodSpec(Spec, room=True):
    """Base of the likelihoods."""

    @abstractmethod
    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """The likelihood of images of (C, H, W), with fresh weights: a `vaelab.contract.Likelihood`."""


@dataclass(frozen=True)
class Bernoulli(LikelihoodSpec):
    """Independent binary pixels, p = sigmoid(theta(z)); on grey pixels a cross-entropy, not a likelihood."""

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """The likelihood of images of (C, H, W)."""
        from vaelab.likelihoods.bernoulli import BernoulliLikelihood

        return BernoulliLikelihood()


@dataclass(frozen=True)
class ContinuousBernoulli(LikelihoodSpec):
    """The Bernoulli made a density of grey pixels by its normaliser (Loaiza-Ganem and Cunningham 2019)."""

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """The likelihood of images of (C, H, W)."""
        from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulliLikelihood

        return ContinuousBernoulliLikelihood()


@dataclass(frozen=True)
class GaussianPixels(LikelihoodSpec):
    """p(x | z) = N(x; theta(z), sigma^2 I), one fixed sigma, on the scale where white is 1."""

    sigma: Annotated[float, Gt(0)] = 0.1

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """The likelihood of images of (C, H, W)."""
        from vaelab.likelihoods.gaussian import GaussianLikelihood

        return GaussianLikelihood(self.sigma)


@dataclass(frozen=True)
class LearnedGaussian(LikelihoodSpec):
    """p(x | z) = N(x; theta(z), sigma^2 I), one sigma for all pixels, learned with the weights."""

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """The likelihood of images of (C, H, W)."""
        from vaelab.likelihoods.learned_gaussian import LearnedGaussianLikelihood

        return LearnedGaussianLikelihood()


@dataclass(frozen=True)
class OptimalGaussian(LikelihoodSpec):
    """p(x | z) = N(x; theta(z), sigma^2 I), sigma^2 the batch's squared error (Rybkin, Daniilidis and Levine 2021)."""

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """The likelihood of images of (C, H, W)."""
        from vaelab.likelihoods.optimal_gaussian import OptimalGaussianLikelihood

        return OptimalGaussianLikelihood()


@dataclass(frozen=True)
class DiscretisedLogistic(LikelihoodSpec):
    """A mixture of logistics a pixel, discretised to its 256 values, as in PixelCNN++ (Salimans et al. 2017)."""

    components: Annotated[int, Ge(1)] = 5
    """K, logistics in the mixture of a pixel."""

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """The likelihood of images of (C, H, W)."""
        from vaelab.likelihoods.discretised_logistic import DiscretisedLogisticLikelihood

        return DiscretisedLogisticLikelihood(self.components, image[0])


@dataclass(frozen=True)
class CategoricalPixels(LikelihoodSpec):
    """A softmax over the 256 values of each pixel and channel (van den Oord, Kalchbrenner and Kavukcuoglu 2016)."""

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """The likelihood of images of (C, H, W)."""
        from vaelab.likelihoods.categorical import CategoricalLikelihood

        return CategoricalLikelihood()


AnyLikelihood = Annotated[LikelihoodSpec, any_of(LikelihoodSpec)]

__all__ = [
    "AnyLikelihood",
    "Bernoulli",
    "CategoricalPixels",
    "ContinuousBernoulli",
    "DiscretisedLogistic",
    "GaussianPixels",
    "LearnedGaussian",
    "LikelihoodSpec",
    "OptimalGaussian",
]
