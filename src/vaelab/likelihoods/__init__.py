"""Likelihoods p(x | z) of images and of rows of a table.

To add one, write a dataclass here, or in a file of specs that belong together, and a file with the module that it
builds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Le

from vaelab.data import ColumnType, DataFormat, TableFormat
from vaelab.errors import UserError
from vaelab.likelihoods.count_specs import (
    NegativeBinomial as NegativeBinomial,
    ZeroInflatedNegativeBinomial as ZeroInflatedNegativeBinomial,
)
from vaelab.likelihoods.likelihood import LikelihoodSpec as LikelihoodSpec
from vaelab.likelihoods.robust_specs import Laplace as Laplace, LogCosh as LogCosh, StudentT as StudentT
from vaelab.spec import Only, any_of

if TYPE_CHECKING:
    from vaelab.contract import Likelihood


@dataclass(frozen=True)
class Bernoulli(LikelihoodSpec):
    """Independent binary pixels (Kingma and Welling 2014, appendix C.1); a cross-entropy on grey pixels.

    p(x | z) = prod_i p_i^x_i (1 - p_i)^(1 - x_i), with p = sigmoid(theta(z)).
    """

    columns: ClassVar[frozenset[ColumnType]] = frozenset({"binary"})

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.bernoulli import BernoulliLikelihood

        return BernoulliLikelihood(len(shape))


@dataclass(frozen=True)
class ContinuousBernoulli(LikelihoodSpec):
    """Continuous Bernoulli density of grey pixels (Loaiza-Ganem and Cunningham 2019, section 3).

    p(x | z) = prod_i theta_i exp(theta_i x_i) / (exp(theta_i) - 1): the Bernoulli's expression with its normaliser.
    """

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulliLikelihood

        return ContinuousBernoulliLikelihood()


@dataclass(frozen=True)
class GaussianPixels(LikelihoodSpec):
    """Gaussian pixels with a fixed sigma (Kingma and Welling 2014, appendix C.2).

    p(x | z) = N(x; theta(z), sigma^2 I).
    """

    sigma: Annotated[float, Gt(0)] = 0.1
    """Standard deviation of a pixel, where white is 1, or of a standardised column."""
    columns: ClassVar[frozenset[ColumnType]] = frozenset({"real"})

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.gaussian import GaussianLikelihood

        return GaussianLikelihood(self.sigma, len(shape))


@dataclass(frozen=True)
class LearnedGaussian(LikelihoodSpec):
    """Gaussian pixels or columns with a learned sigma (Dai and Wipf 2019).

    p(x | z) = N(x; theta(z), sigma^2 I), log sigma a parameter of the model.
    """

    shared: bool = True
    """One sigma for all pixels or columns, as in probabilistic PCA; otherwise one for each, as in factor analysis."""
    columns: ClassVar[frozenset[ColumnType]] = frozenset({"real"})

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.learned_gaussian import LearnedGaussianLikelihood

        return LearnedGaussianLikelihood(len(shape), () if self.shared else shape)


@dataclass(frozen=True)
class OptimalGaussian(LikelihoodSpec):
    """Gaussian pixels with the optimal sigma, sigma-VAE (Rybkin, Daniilidis and Levine 2021).

    p(x | z) = N(x; theta(z), sigma^2 I), sigma^2 the mean squared error: of the batch in training, its moving average
    in evaluation.
    """

    fitted_to_batch: ClassVar[bool] = True
    columns: ClassVar[frozenset[ColumnType]] = frozenset({"real"})

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.optimal_gaussian import OptimalGaussianLikelihood

        return OptimalGaussianLikelihood(len(shape))


@dataclass(frozen=True)
class DiscretisedLogistic(LikelihoodSpec):
    """Mixture of discretised logistics over the 256 values of a pixel, PixelCNN++ (Salimans et al. 2017)."""

    components: Annotated[int, Ge(1)] = 5
    """Number of logistics per pixel."""

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.discretised_logistic import DiscretisedLogisticLikelihood

        return DiscretisedLogisticLikelihood(self.components, shape[0])


@dataclass(frozen=True)
class CategoricalPixels(LikelihoodSpec):
    """Softmax over the 256 values of each pixel and channel (van den Oord, Kalchbrenner and Kavukcuoglu 2016)."""

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.categorical import CategoricalLikelihood

        return CategoricalLikelihood()


@dataclass(frozen=True)
class Beta(LikelihoodSpec):
    """Beta density of grey pixels, with a mean and a concentration for each (Ferrari and Cribari-Neto 2004).

    p(x | z) = prod_i 255/256 Beta(u_i; mu_i phi_i, (1 - mu_i) phi_i), with u = (255 x + 1/2) / 256: black and white lie
    half a grey level inside (0, 1), where the density is finite.
    """

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.beta import BetaLikelihood

        return BetaLikelihood()


@dataclass(frozen=True)
class Ordinal(LikelihoodSpec):
    """Ordered levels of a pixel, or ordered categories of a column: the cumulative logit of McCullagh (1980).

    p(x <= level k | z) = sigmoid(c_k - theta(z)), with increasing thresholds c that are parameters of the model.
    """

    levels: Annotated[int, Ge(2), Le(256)] = 256
    """Values of a pixel, to which its grey is rounded; a column has those of its categories."""
    columns: ClassVar[frozenset[ColumnType]] = frozenset({"ordinal"})

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W).

        Raises:
            UserError: the shape of a row of a table, which does not say how many categories a column has.
        """
        from vaelab.likelihoods.ordinal import OrdinalPixelsLikelihood

        if len(shape) != 3:
            raise UserError(
                f"Ordinal is built for the columns of a table, not for the shape {shape}; use build_for(format)"
            )
        return OrdinalPixelsLikelihood(self.levels)

    def build_for(self, format: DataFormat) -> Likelihood:
        """Build the likelihood for images, or for the columns of a table."""
        from vaelab.likelihoods.ordinal import OrdinalColumnsLikelihood

        self.check(format)
        if isinstance(format, TableFormat):
            return OrdinalColumnsLikelihood([column.width for column in format.columns])
        return self.build(format.shape)


# Likelihoods of one type of column alone: with ByColumn among its own words they would have no end.
_REAL, _COUNT = Only(lambda spec: spec.columns == {"real"}), Only(lambda spec: spec.columns == {"count"})


@dataclass(frozen=True)
class ByColumn(LikelihoodSpec):
    """A density for each type of a table's columns: likelihoods of numbers and counts, Bernoulli, softmax, thresholds.

    p(x | z) = prod_real p(x_i | z) prod_count p(x_h | z) prod_binary Bernoulli(x_j; sigmoid(theta_j)) prod_categorical
    softmax(theta_k)[x_k] prod_ordinal Ordinal(x_l; theta_l).
    """

    real: Annotated[LikelihoodSpec, _REAL, any_of(LikelihoodSpec, _REAL)] = LearnedGaussian(shared=False)
    """The likelihood of the real columns."""
    count: Annotated[LikelihoodSpec, _COUNT, any_of(LikelihoodSpec, _COUNT)] = NegativeBinomial()
    """The likelihood of the columns of counts."""
    columns: ClassVar[frozenset[ColumnType]] = frozenset({"real", "count", "binary", "categorical", "ordinal"})
    images: ClassVar[bool] = False

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Refuse: a shape does not say which columns x has; `build_for` builds the likelihood.

        Raises:
            UserError: always.
        """
        raise UserError("ByColumn is built for the columns of a table, not for a shape; use build_for(format)")

    def build_for(self, format: DataFormat) -> Likelihood:
        """Build the likelihood for the columns of a table."""
        from vaelab.likelihoods.by_column import ByColumnLikelihood

        self.check(format)
        assert isinstance(format, TableFormat)
        return ByColumnLikelihood(self.real, self.count, format)

    def check(self, format: DataFormat) -> None:
        """Check that the data are a table, and that `real` and `count` are likelihoods of such columns.

        Raises:
            UserError: the data are images, or `real` or `count` is not for such columns.
        """
        super().check(format)
        types = {column.type for column in format.columns} if isinstance(format, TableFormat) else set()
        for name, part, remedy in (("real", self.real, "LearnedGaussian"), ("count", self.count, "NegativeBinomial")):
            if name in types and (name not in part.columns or isinstance(part, ByColumn)):
                raise UserError(
                    f"ByColumn.{name} is {type(part).__name__}, which is no likelihood of {name} columns; choose "
                    f"another, such as {remedy}"
                )


AnyLikelihood = Annotated[LikelihoodSpec, any_of(LikelihoodSpec)]
