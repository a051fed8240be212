"""The likelihood of categorical columns of a table."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, constraints

from vaelab.contract import Likelihood


class OneHotColumnsLikelihood(Likelihood):
    """Base of the likelihoods whose x holds columns of categories as one-hot vectors.

    Args:
        widths: the number of categories of each column.
    """

    linear = True

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.widths = widths

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N F"]) -> Float[Tensor, "G N"]:
        """x . log p, all pairs by one matrix product, nats."""
        log_mass: Tensor = p.log_mass  # type: ignore[attr-defined]
        return log_mass @ x.nan_to_num(0.0).T


class CategoricalColumnsLikelihood(OneHotColumnsLikelihood):
    """Categorical columns, each with a softmax over its categories; x is one-hot."""

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """Independent categorical columns with logits theta."""
        return CategoricalColumns(theta, self.widths)


class CategoricalColumns(Distribution):
    """Independent categorical variables, side by side as one-hot vectors.

    Args:
        logits: unnormalised log probabilities, (..., sum of widths).
        widths: the number of categories of each variable.
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.independent(constraints.unit_interval, 1)

    def __init__(self, logits: Tensor, widths: list[int]) -> None:
        self.widths = widths
        self.log_mass = torch.cat([part.log_softmax(-1) for part in logits.split(widths, -1)], -1)
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> CategoricalColumns:
        """The same distribution, expanded to a larger batch."""
        return CategoricalColumns(self.log_mass.expand(*batch_shape, -1), self.widths)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of each row of one-hot vectors, nats; a missing one, NaN, is left out."""
        return (self.log_mass * value.nan_to_num(0.0)).sum(-1)

    @property
    def mean(self) -> Tensor:
        """The probabilities of the categories."""
        return self.log_mass.exp()

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """One-hot vectors drawn at random."""
        drawn = [
            torch.nn.functional.one_hot(Categorical(logits=part, validate_args=False).sample(sample_shape), width)
            for part, width in zip(self.log_mass.split(self.widths, -1), self.widths, strict=True)
        ]
        return torch.cat(drawn, -1).to(self.log_mass.dtype)
