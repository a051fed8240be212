"""The likelihoods of columns of counts: negative binomial, with or without additional zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.nn.functional import logsigmoid, softplus

from vaelab.contract import Likelihood
from vaelab.distributions import ObservedColumns, as_float64, bounded, scale_of


class NegativeBinomialLikelihood(Likelihood):
    r"""Independent columns of counts, negative binomial with mean mu_j and inverse dispersion r_j.

    p(x_j | z) = C(x_j + r_j - 1, x_j) (r_j / (r_j + mu_j))^r_j (mu_j / (r_j + mu_j))^x_j: a Poisson variable whose rate
    is gamma with mean mu_j and shape r_j, so that the variance is mu_j + mu_j^2 / r_j; Lopez, Regier, Cole, Jordan and
    Yosef (2018), without their scaling by the total of a row (its library size): z has to explain it.

    log mu_j = theta_j + log m_j, with m_j the mean count of the training rows, so that theta near 0 is a good start for
    columns of any size. log r_j is learned and starts at 0. Both are bounded smoothly.

    Args:
        means: m_j of each column; 0 if unknown, which counts as 1.
        shape: of log r: () for one, that of x for one per column.
    """

    linear = True
    offset: Tensor

    def __init__(self, means: Sequence[float], shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("offset", torch.tensor([mean or 1.0 for mean in means]).log(), persistent=False)
        self.log_inverse_dispersion = nn.Parameter(torch.zeros(shape))

    def forward(self, theta: Float[Tensor, "*N P"]) -> Distribution:
        """Independent columns with log means theta + log m."""
        return ObservedColumns(self.counts(theta))

    def counts(self, theta: Float[Tensor, "*N F"]) -> Counts:
        """The distribution of each column, without additional zeros."""
        return Counts(bounded(theta + self.offset), scale_of(2 * self.log_inverse_dispersion).expand_as(theta))

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N F"]) -> Float[Tensor, "G N"]:
        """sum_j r_j log(r_j / (r_j + mu_j)) + x_j log(mu_j / (r_j + mu_j)) + c(x_j) of all pairs, by matrix products.

        r does not depend on z, so c(x) = log C(x + r - 1, x) does not either.
        """
        base = p.base_dist.wide  # type: ignore[attr-defined]
        observed, counts = as_float64(x.isfinite().to(x.dtype)), as_float64(x.nan_to_num(0.0))
        r = base.total_count
        constant = torch.lgamma(counts + r[:1]) - torch.lgamma(r[:1]) - torch.lgamma(counts + 1)
        table: Tensor = (r * logsigmoid(-base.logits)) @ observed.T + logsigmoid(base.logits) @ counts.T
        return (table + (observed * constant).sum(1)).to(x.dtype)


class ZeroInflatedNegativeBinomialLikelihood(NegativeBinomialLikelihood):
    r"""Independent columns of counts that are zero with probability pi_j, and otherwise negative binomial.

    p(x_j | z) = pi_j [x_j = 0] + (1 - pi_j) NB(x_j; mu_j, r_j), with pi_j = sigmoid(theta_{F + j}), one for each row
    and column: Lopez, Regier, Cole, Jordan and Yosef (2018).

    Args:
        means, shape: as for `NegativeBinomialLikelihood`.
    """

    linear = False

    def forward(self, theta: Float[Tensor, "*N P"]) -> Distribution:
        """Independent columns with log means theta_1 + log m and logits theta_2 of additional zeros."""
        log_mean, logits = theta.chunk(2, -1)
        return ObservedColumns(InflatedCounts(self.counts(log_mean), logits))

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N F"]) -> Float[Tensor, "G N"]:
        """log p of every row under every distribution, row by row, nats."""
        return Likelihood.pairwise_log_prob(self, p, x)

    def outputs(self, channels: int) -> int:
        """P = 2 F."""
        return 2 * channels


class Counts(Distribution):
    """Negative binomial counts, by torch's distribution in float64: its binomials are small differences of logarithms.

    Args:
        log_mean: log mu.
        inverse_dispersion: r.
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.nonnegative_integer

    def __init__(self, log_mean: Tensor, inverse_dispersion: Tensor) -> None:
        self.log_mean, self.inverse_dispersion = log_mean, inverse_dispersion
        r = as_float64(inverse_dispersion)
        logits = as_float64(log_mean) - r.log()
        self.wide = torch.distributions.NegativeBinomial(r, logits=logits, validate_args=False)
        super().__init__(log_mean.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Counts:
        """The same distribution, expanded to a larger batch."""
        return Counts(self.log_mean.expand(batch_shape), self.inverse_dispersion.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass of each count, nats."""
        log_p: Tensor = self.wide.log_prob(as_float64(value))
        return log_p.to(self.log_mean.dtype)

    @property
    def mean(self) -> Tensor:
        """mu."""
        return self.log_mean.exp()

    @property
    def variance(self) -> Tensor:
        """mu + mu^2 / r."""
        return self.mean + self.mean.square() / self.inverse_dispersion

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Counts drawn at random."""
        drawn: Tensor = self.wide.sample(torch.Size(sample_shape))
        return drawn.to(self.log_mean.dtype)


class InflatedCounts(Distribution):
    """Counts that are zero with another probability, and otherwise drawn from a distribution of counts.

    Args:
        counts: negative binomial counts.
        logits: of the probability of an additional zero.
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.nonnegative_integer

    def __init__(self, counts: Counts, logits: Tensor) -> None:
        self.counts, self.logits = counts, logits
        super().__init__(logits.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> InflatedCounts:
        """The same distribution, expanded to a larger batch."""
        return InflatedCounts(self.counts.expand(batch_shape), self.logits.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass of each count, nats."""
        drawn = logsigmoid(-self.logits) + self.counts.log_prob(value)
        added = logsigmoid(self.logits)
        # log(exp(added) + exp(drawn)); the second derivative of torch.logaddexp overflows where they are far apart.
        return torch.where(value == 0, added + softplus(drawn - added), drawn)

    @property
    def mean(self) -> Tensor:
        """(1 - pi) mu."""
        return (-self.logits).sigmoid() * self.counts.mean

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Counts drawn at random."""
        drawn = self.counts.sample(sample_shape)
        zeros = torch.rand_like(drawn) < self.logits.sigmoid()
        return drawn.masked_fill(zeros, 0.0)
