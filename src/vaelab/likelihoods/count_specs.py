"""The specs of the likelihoods of columns of counts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vaelab.data import ColumnType, DataFormat, TableFormat
from vaelab.likelihoods.likelihood import LikelihoodSpec

if TYPE_CHECKING:
    from vaelab.contract import Likelihood


@dataclass(frozen=True)
class CountsSpec(LikelihoodSpec):
    """Base of the likelihoods of columns of counts."""

    shared: bool = False
    """One r for all columns; otherwise one for each."""
    columns: ClassVar[frozenset[ColumnType]] = frozenset({"count"})
    images: ClassVar[bool] = False

    @abstractmethod
    def build_with(self, means: Sequence[float], shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for columns with these means in the training rows, and a log r of this shape."""

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (F,), of whose means nothing is known."""
        return self.build_with([0.0] * shape[0], () if self.shared else shape)

    def build_for(self, format: DataFormat) -> Likelihood:
        """Build the likelihood for columns of counts."""
        self.check(format)
        assert isinstance(format, TableFormat)
        return self.build_with([column.mean for column in format.columns], () if self.shared else format.shape)


@dataclass(frozen=True)
class NegativeBinomial(CountsSpec):
    """Columns of counts with a mean and a dispersion, as in scVI (Lopez et al. 2018).

    p(x | z) = prod_j C(x_j + r_j - 1, x_j) (r_j / (r_j + mu_j))^r_j (mu_j / (r_j + mu_j))^x_j, with mu_j = m_j
    exp(theta_j(z)), m_j the mean of the training rows and log r_j a parameter of the model. The total of a row (its
    library size) is no input: z explains it.
    """

    def build_with(self, means: Sequence[float], shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for columns with these means in the training rows, and a log r of this shape."""
        from vaelab.likelihoods.counts import NegativeBinomialLikelihood

        return NegativeBinomialLikelihood(means, shape)


@dataclass(frozen=True)
class ZeroInflatedNegativeBinomial(CountsSpec):
    """Columns of counts with a mean, a dispersion and additional zeros, as in scVI (Lopez et al. 2018).

    p(x | z) = prod_j pi_j [x_j = 0] + (1 - pi_j) NB(x_j; mu_j, r_j), with the mu_j and r_j of `NegativeBinomial`, and
    pi_j = sigmoid(theta_{F + j}(z)).
    """

    def build_with(self, means: Sequence[float], shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for columns with these means in the training rows, and a log r of this shape."""
        from vaelab.likelihoods.counts import ZeroInflatedNegativeBinomialLikelihood

        return ZeroInflatedNegativeBinomialLikelihood(means, shape)
