"""The Bernoulli likelihood."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import softplus

from vaelab.contract import Likelihood
from vaelab.distributions import independent
from vaelab.likelihoods.levels import inside


class BernoulliLikelihood(Likelihood):
    r"""Independent Bernoulli pixels.

    p(x | z) = prod_i p_i^{x_i} (1 - p_i)^{1 - x_i}, with p = sigmoid(theta): Kingma and Welling (2014),
    appendix C.1, equation 11. This is a probability of binary pixels only. On grey pixels the same expression is
    the cross-entropy between x and p: a usable loss, but not a log-likelihood, since it does not sum to one over
    the values that x can take.

    Args:
        dimensions: of x: 3 for images, 1 for rows of a table.
    """

    binary = True
    linear = True

    def __init__(self, dimensions: int = 3) -> None:
        super().__init__()
        self.dimensions = dimensions

    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """Independent Bernoulli pixels with logits theta."""
        return independent(torch.distributions.Bernoulli(logits=theta, validate_args=False), self.dimensions)

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N ..."]) -> Float[Tensor, "G N"]:
        """sum_i x_i theta_i - log(1 + exp(theta_i)), all pairs by one matrix product, nats."""
        logits = p.base_dist.logits.flatten(1)  # type: ignore[attr-defined]
        # A sum finds a missing value in one pass over x, without a mask of its size.
        if bool(x.sum().isnan()):
            table: Tensor = logits @ x.nan_to_num(0.0).T - softplus(logits) @ x.isfinite().to(x.dtype).T
            return table
        return torch.addmm(-softplus(logits).sum(1, keepdim=True), logits, x.flatten(1).T)

    def parameters_of(self, mean: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """The logit of the mean, which is drawn in by half a grey level, so that it is finite."""
        return inside(mean).logit()

    def discrete(self, binary: bool) -> bool:
        """A probability mass on binary pixels only."""
        return binary
