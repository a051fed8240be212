"""The log-cosh likelihood: the log-cosh loss as a normalised density."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import softplus

from vaelab.likelihoods.location import LocationLikelihood


class LogCoshLikelihood(LocationLikelihood):
    r"""Independent pixels or columns with a log-cosh error: quadratic for small errors, absolute for large ones.

    -log p(x | z) = sum_i [log cosh(alpha t_i) / alpha + log Z + log s_i], with t = (x - theta) / s and the normaliser Z
    of `LogCoshDistribution`. The loss is that of Chen, Chen and Zhang, "Log hyperbolic cosine loss improves variational
    auto-encoder" (2018), which has s = 1 and no normaliser; with the normaliser, s can be learned.

    Args:
        alpha: how soon an error counts as large.
        dimensions, shape, scale: as for `LocationLikelihood`.
    """

    def __init__(
        self, alpha: float, dimensions: int = 3, shape: tuple[int, ...] = (), scale: float | None = None
    ) -> None:
        super().__init__(dimensions, shape, scale)
        self.alpha = alpha

    def density(self, location: Tensor, scale: Tensor) -> Distribution:
        """A log-cosh density."""
        return LogCoshDistribution(self.alpha, location, scale)


class LogCoshDistribution(Distribution):
    r"""p(x) = cosh(alpha t)^(-1 / alpha) / (Z s), with t = (x - location) / s and Z = B(1 / (2 alpha), 1/2) / alpha.

    B is Euler's beta function, since the integral of cosh(u)^(-v) over u is B(v / 2, 1/2). alpha = 1 is the hyperbolic
    secant, alpha = 1/2 the logistic density of scale s; a large alpha tends to a Laplace density, a small one to a
    normal of variance s^2 / alpha.

    alpha t is half the logit of a Beta(v / 2, v / 2) variable with v = 1 / alpha, by which it is drawn; so its variance
    is half the trigamma function at v / 2.

    Args:
        alpha: positive.
        location: mean and median.
        scale: s.

    >>> LogCoshDistribution(0.5, torch.zeros(()), torch.ones(())).log_prob(torch.zeros(()))  # log 1/4
    tensor(-1.3863)
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.real

    def __init__(self, alpha: float, location: Tensor, scale: Tensor) -> None:
        self.alpha, self.location, self.scale = alpha, location, scale
        self.log_normaliser = (
            math.lgamma(0.5 / alpha) + math.lgamma(0.5) - math.lgamma(0.5 / alpha + 0.5) - math.log(alpha)
        )
        super().__init__(location.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> LogCoshDistribution:
        """The same distribution, expanded to a larger batch."""
        return LogCoshDistribution(self.alpha, self.location.expand(batch_shape), self.scale.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of each value, nats."""
        u = self.alpha * (value - self.location) / self.scale
        # Not by logaddexp, whose second derivative is NaN far from zero.
        log_cosh = softplus(-2 * u) + u - math.log(2)
        return -log_cosh / self.alpha - self.log_normaliser - self.scale.log()

    @property
    def mean(self) -> Tensor:
        """The location."""
        return self.location

    @property
    def variance(self) -> Tensor:
        """s^2 trigamma(1 / (2 alpha)) / (2 alpha^2)."""
        half = self.scale.new_tensor(0.5 / self.alpha)
        return self.scale.square() * torch.polygamma(1, half) / (2 * self.alpha**2)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Values drawn at random."""
        shape = self._extended_shape(torch.Size(sample_shape))
        # The logit of a beta variable is a difference of logs of gamma variables. Those of a small shape a are as small
        # as float32 is not, but log G_a = log G_(a + 1) + log(U) / a.
        a = 0.5 / self.alpha
        larger = torch._standard_gamma(self.scale.new_full((2, *shape), a + 1)).log()
        uniform = torch.rand_like(larger).clamp(min=torch.finfo(larger.dtype).tiny)
        first, second = (larger + uniform.log() / a).unbind(0)
        return self.location + self.scale * (first - second) / (2 * self.alpha)
