"""The specs of the likelihoods of real pixels and columns whose tails are heavier than a normal's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Gt

from vaelab.data import ColumnType
from vaelab.likelihoods.likelihood import LikelihoodSpec

if TYPE_CHECKING:
    from vaelab.contract import Likelihood


@dataclass(frozen=True)
class StudentT(LikelihoodSpec):
    """Student-t pixels or columns with a learned scale, robust to outliers (Takahashi et al. 2018).

    p(x | z) = prod_i t_nu((x_i - theta_i(z)) / s) / s, log s a parameter of the model.
    """

    kind: ClassVar[str] = "student-t"

    degrees: Annotated[float, Gt(1)] = 5.0
    """nu, degrees of freedom; the fewer, the heavier the tails."""
    shared: bool = True
    """One scale for all pixels or columns; otherwise one for each."""
    columns: ClassVar[frozenset[ColumnType]] = frozenset({"real"})

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.student_t import StudentTLikelihood

        return StudentTLikelihood(float(self.degrees), len(shape), () if self.shared else shape)


@dataclass(frozen=True)
class Laplace(LikelihoodSpec):
    """Laplace pixels or columns, whose -log p is the absolute error (Kotz, Kozubowski and Podgorski 2001).

    p(x | z) = prod_i exp(-|x_i - theta_i(z)| / s) / (2 s), log s a parameter of the model unless s is given.
    """

    scale: Annotated[float, Gt(0)] | None = None
    """s, the mean absolute error of a pixel, where white is 1, or of a standardised column; None to learn it."""
    shared: bool = True
    """One learned scale for all pixels or columns; otherwise one for each."""
    columns: ClassVar[frozenset[ColumnType]] = frozenset({"real"})

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.laplace import LaplaceLikelihood

        return LaplaceLikelihood(len(shape), () if self.shared else shape, self.scale)


@dataclass(frozen=True)
class LogCosh(LikelihoodSpec):
    """Pixels or columns with a log-cosh error, the loss of Chen, Chen and Zhang (2018) as a normalised density.

    p(x | z) = prod_i cosh(alpha t_i)^(-1 / alpha) / (Z s), with t = (x - theta(z)) / s and Z = B(1 / (2 alpha), 1/2) /
    alpha, log s a parameter of the model unless s is given. The logistic density at alpha = 1/2, the hyperbolic secant
    at 1, towards Laplace's above.
    """

    alpha: Annotated[float, Gt(0)] = 1.0
    """An error counts as its square below s / alpha, and as its size above."""
    scale: Annotated[float, Gt(0)] | None = None
    """s, in units of a pixel, where white is 1, or of a standardised column; None to learn it."""
    shared: bool = True
    """One learned scale for all pixels or columns; otherwise one for each."""
    columns: ClassVar[frozenset[ColumnType]] = frozenset({"real"})

    def build(self, shape: tuple[int, ...]) -> Likelihood:
        """Build the likelihood for x of (C, H, W) or (F,)."""
        from vaelab.likelihoods.log_cosh import LogCoshLikelihood

        return LogCoshLikelihood(float(self.alpha), len(shape), () if self.shared else shape, self.scale)
