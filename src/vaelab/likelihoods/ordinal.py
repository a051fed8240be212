"""The cumulative logit: ordered levels of a pixel, ordered categories of a column."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, constraints

from vaelab.contract import Likelihood
from vaelab.distributions import scale_of
from vaelab.likelihoods.categorical_columns import CategoricalColumns, OneHotColumnsLikelihood
from vaelab.likelihoods.levels import log_logistic_mass


class Thresholds(nn.Module):
    """K - 1 increasing thresholds c between K levels, whose mean is 0; their distances are learned.

    A shift of all of them would be one of theta. At the start, levels are equally likely at theta = 0.

    Args:
        levels: K.
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels
        start = (torch.arange(1, levels, dtype=torch.float64) / levels).logit()
        # With two levels there is one threshold, 0.
        self.log_gaps = nn.Parameter(start.diff().log().float()) if levels > 2 else None

    def forward(self) -> Float[Tensor, " K"]:
        """The thresholds."""
        if self.log_gaps is None:
            return torch.zeros(self.levels - 1)
        # The bound of log scales serves the gaps as well.
        sums = scale_of(2 * self.log_gaps).cumsum(0)
        raised = torch.cat([sums.new_zeros(1), sums])
        return raised - raised.mean()


def log_mass_of_levels(k: Tensor, location: Tensor, thresholds: Tensor) -> Tensor:
    """log [F(c_k - location) - F(c_{k-1} - location)], nats, for levels k from 0, c_{-1} and the last c infinite.

    Args:
        k: int64.
        location: theta; it is broadcast with k.
        thresholds: the c's between the levels, one or more.
    """
    last = len(thresholds)
    lowest, highest = k <= 0, k >= last
    above, below = thresholds[k.clamp(0, last - 1)], thresholds[(k - 1).clamp(0, last - 1)]
    # An open bin has no width; 1 keeps its gradient finite.
    width = torch.where(lowest | highest, 1.0, above - below)
    return log_logistic_mass(above - location, below - location, width, lowest, highest)


class OrdinalPixelsLikelihood(Likelihood):
    r"""Independent pixels, each one of K ordered levels.

    p(x <= k / (K - 1) | z) = F(c_k - theta_i), F the logistic function: the proportional odds model of McCullagh
    (1980), with one set of thresholds for all pixels and channels. A pixel is read as round((K - 1) x). It is a
    logistic as in `DiscretisedLogistic`, but of scale 1, whose bins are learned instead of equal.

    Args:
        levels: K.
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels, self.thresholds = levels, Thresholds(levels)

    def forward(self, theta: Float[Tensor, "*N C H W"]) -> Distribution:
        """Independent pixels with locations theta."""
        return Independent(OrderedLevels(theta, self.thresholds().to(theta)), 3, validate_args=False)

    def discrete(self, binary: bool) -> bool:
        """True: a probability mass on K values."""
        return True


class OrderedLevels(Distribution):
    """Values from 0 to 1 in K equal steps, by a logistic variable of the given location cut at thresholds.

    Args:
        location: theta.
        thresholds: K - 1 increasing numbers.
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.unit_interval

    def __init__(self, location: Tensor, thresholds: Tensor) -> None:
        self.location, self.thresholds = location, thresholds
        super().__init__(location.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> OrderedLevels:
        """The same distribution, expanded to a larger batch."""
        return OrderedLevels(self.location.expand(batch_shape), self.thresholds)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass of the level that is nearest to each value, nats."""
        return log_mass_of_levels((value * len(self.thresholds)).round().long(), self.location, self.thresholds)

    @property
    def mean(self) -> Tensor:
        """E[x] = sum_k P(x >= k / (K - 1)) / (K - 1), over k from 1."""
        return (self.location.unsqueeze(-1) - self.thresholds).sigmoid().mean(-1)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Values drawn at random."""
        shape = self._extended_shape(torch.Size(sample_shape))
        drawn = self.location + torch.rand(shape, dtype=self.location.dtype, device=self.location.device).logit()
        return torch.searchsorted(self.thresholds.contiguous(), drawn).to(drawn.dtype) / len(self.thresholds)


class OrdinalColumnsLikelihood(OneHotColumnsLikelihood):
    r"""Columns of ordered categories, one-hot in x, each with one location from the decoder and thresholds of its own.

    p(x_j <= category k | z) = F(c_jk - theta_j): the proportional odds model of McCullagh (1980).

    Args:
        widths: the number of categories of each column.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__(widths)
        self.thresholds = nn.ModuleList(Thresholds(width) for width in widths)

    def forward(self, theta: Float[Tensor, "*N P"]) -> Distribution:
        """Independent columns with locations theta."""
        columns = [
            log_mass_of_levels(torch.arange(width, device=theta.device), location, cuts().to(theta))
            if width > 1
            else torch.zeros_like(location)
            for width, location, cuts in zip(self.widths, theta.split(1, -1), self.thresholds, strict=True)
        ]
        return CategoricalColumns(torch.cat(columns, -1), self.widths)

    def outputs(self, channels: int) -> int:
        """P, the number of columns; x has as many numbers as they have categories."""
        return len(self.widths)
