"""Independent pixels of an image, or columns of a row of which some may be missing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent


class ObservedColumns(Independent):  # type: ignore[type-arg]  # not generic in every supported torch
    """Independent columns; a missing value, NaN, is left out: log p of the observed ones alone.

    That is the marginal density of the observed columns, since given z the columns are independent.

    >>> from torch.distributions import Normal
    >>> p = ObservedColumns(Normal(torch.zeros(2), torch.ones(2)))
    >>> p.log_prob(torch.tensor([0.0, torch.nan]))
    tensor(-0.9189)
    """

    def __init__(self, base: Distribution) -> None:
        super().__init__(base, 1, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> ObservedColumns:
        """The same distribution, expanded to a larger batch."""
        return ObservedColumns(self.base_dist.expand(torch.Size((*batch_shape, *self.event_shape))))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of the observed columns of each row, nats."""
        observed = ~value.isnan()
        # Filled before the density, so that no NaN reaches a gradient.
        terms: Tensor = self.base_dist.log_prob(value.nan_to_num(0.0))
        return torch.where(observed, terms, 0.0).sum(-1)


def independent(base: Distribution, dimensions: int) -> Distribution:
    """Independent pixels, whose event is an image of three dimensions, or columns, whose event has one."""
    return ObservedColumns(base) if dimensions == 1 else Independent(base, dimensions, validate_args=False)
