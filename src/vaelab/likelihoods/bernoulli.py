"""The Bernoulli likelihood."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.nn.functional import softplus

from vaelab.contract import Likelihood


class BernoulliLikelihood(Likelihood):
    r"""Independent Bernoulli pixels.

    p(x | z) = prod_i p_i^{x_i} (1 - p_i)^{1 - x_i}, with p = sigmoid(theta): Kingma and Welling (2014),
    appendix C.1, equation 11. This is a probability of binary pixels only. On grey pixels the same expression is
    the cross-entropy between x and p: a usable loss, but not a log-likelihood, since it does not sum to one over
    the values that x can take.
    """

    binary = True
    linear = True

    def forward(self, theta: Float[Tensor, "*N C H W"]) -> Distribution:
        """Independent Bernoulli pixels with logits theta."""
        pixels = torch.distributions.Bernoulli(logits=theta, validate_args=False)
        return Independent(pixels, 3, validate_args=False)

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "G N"]:
        """sum_i x_i theta_i - log(1 + exp(theta_i)), all pairs by one matrix product, nats."""
        logits = p.base_dist.logits.flatten(1)  # type: ignore[attr-defined]
        return torch.addmm(-softplus(logits).sum(1, keepdim=True), logits, x.flatten(1).T)

    def discrete(self, binary: bool) -> bool:
        """A probability mass on binary pixels only."""
        return binary
