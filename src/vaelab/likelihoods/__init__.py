"""Likelihoods p(x | z) of images.

To add one, write a dataclass here and a file with the module that it builds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt

from vaelab.spec import Spec, any_of

if TYPE_CHECKING:
    from vaelab.contract import Likelihood


class LikelihoodSpec(Spec, room=True):
    """Base of the likelihood specs."""

    fitted_to_batch: ClassVar[bool] = False
    """Its settings are the optimal ones for each batch, so its gradient is right for averages of log p(x | z) only."""

    @abstractmethod
    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """Build the likelihood, a `vaelab.contract.Likelihood` with fresh weights, for images of (C, H, W)."""


@dataclass(frozen=True)
class Bernoulli(LikelihoodSpec):
    """Independent binary pixels (Kingma and Welling 2014, appendix C.1); a cross-entropy on grey pixels.

    p(x | z) = prod_i p_i^x_i (1 - p_i)^(1 - x_i), with p = sigmoid(theta(z)).
    """

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """Build the likelihood for images of (C, H, W)."""
        from vaelab.likelihoods.bernoulli import BernoulliLikelihood

        return BernoulliLikelihood()


@dataclass(frozen=True)
class ContinuousBernoulli(LikelihoodSpec):
    """Continuous Bernoulli density of grey pixels (Loaiza-Ganem and Cunningham 2019, section 3).

    p(x | z) = prod_i theta_i exp(theta_i x_i) / (exp(theta_i) - 1): the Bernoulli's expression with its normaliser.
    """

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """Build the likelihood for images of (C, H, W)."""
        from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulliLikelihood

        return ContinuousBernoulliLikelihood()


@dataclass(frozen=True)
class GaussianPixels(LikelihoodSpec):
    """Gaussian pixels with a fixed sigma (Kingma and Welling 2014, appendix C.2).

    p(x | z) = N(x; theta(z), sigma^2 I).
    """

    sigma: Annotated[float, Gt(0)] = 0.1
    """Standard deviation of a pixel, where white is 1."""

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """Build the likelihood for images of (C, H, W)."""
        from vaelab.likelihoods.gaussian import GaussianLikelihood

        return GaussianLikelihood(self.sigma)


@dataclass(frozen=True)
class LearnedGaussian(LikelihoodSpec):
    """Gaussian pixels with one learned sigma (Dai and Wipf 2019).

    p(x | z) = N(x; theta(z), sigma^2 I), log sigma a parameter of the model.
    """

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """Build the likelihood for images of (C, H, W)."""
        from vaelab.likelihoods.learned_gaussian import LearnedGaussianLikelihood

        return LearnedGaussianLikelihood()


@dataclass(frozen=True)
class OptimalGaussian(LikelihoodSpec):
    """Gaussian pixels with the optimal sigma, sigma-VAE (Rybkin, Daniilidis and Levine 2021).

    p(x | z) = N(x; theta(z), sigma^2 I), sigma^2 the mean squared error: of the batch in training, its moving average
    in evaluation.
    """

    fitted_to_batch: ClassVar[bool] = True

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """Build the likelihood for images of (C, H, W)."""
        from vaelab.likelihoods.optimal_gaussian import OptimalGaussianLikelihood

        return OptimalGaussianLikelihood()


@dataclass(frozen=True)
class DiscretisedLogistic(LikelihoodSpec):
    """Mixture of discretised logistics over the 256 values of a pixel, PixelCNN++ (Salimans et al. 2017)."""

    components: Annotated[int, Ge(1)] = 5
    """Number of logistics per pixel."""

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """Build the likelihood for images of (C, H, W)."""
        from vaelab.likelihoods.discretised_logistic import DiscretisedLogisticLikelihood

        return DiscretisedLogisticLikelihood(self.components, image[0])


@dataclass(frozen=True)
class CategoricalPixels(LikelihoodSpec):
    """Softmax over the 256 values of each pixel and channel (van den Oord, Kalchbrenner and Kavukcuoglu 2016)."""

    def build(self, image: tuple[int, int, int]) -> Likelihood:
        """Build the likelihood for images of (C, H, W)."""
        from vaelab.likelihoods.categorical import CategoricalLikelihood

        return CategoricalLikelihood()


AnyLikelihood = Annotated[LikelihoodSpec, any_of(LikelihoodSpec)]
