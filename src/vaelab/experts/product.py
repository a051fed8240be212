"""A product of Gaussians, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.distributions import Distribution

from vaelab.contract import Experts
from vaelab.distributions import diagonal_normal


class ProductOfExpertsModule(Experts):
    """The product of the Gaussians of the views and the prior: Wu and Goodman (2018), section 2.1."""

    def forward(
        self, experts: Sequence[Distribution], present: Bool[Tensor, "V B"], prior: Distribution
    ) -> Distribution:
        """q(z | views), of batch shape (B,)."""
        return product_of(experts, present, prior)


def product_of(experts: Sequence[Distribution], present: Bool[Tensor, "V B"], prior: Distribution) -> Distribution:
    r"""N(m, diag(s^2)), proportional to p(z) prod_v N(z; m_v, diag(s_v^2)) over the views that are present.

    1 / s^2 = 1 / s_0^2 + sum_v 1 / s_v^2 and m = s^2 (m_0 / s_0^2 + sum_v m_v / s_v^2), with the prior's m_0 and s_0.

    >>> one = diagonal_normal(torch.tensor([[3.0]]), torch.ones(1, 1))
    >>> q = product_of([one], torch.tensor([[True]]), diagonal_normal(torch.zeros(1), torch.ones(1)))
    >>> q.mean, q.variance
    (tensor([[1.5000]]), tensor([[0.5000]]))
    """
    precision = prior.stddev**-2
    weighted = prior.mean * precision
    for expert, here in zip(experts, present, strict=True):
        own = torch.where(here[:, None], expert.stddev**-2, 0.0)
        precision, weighted = precision + own, weighted + own * expert.mean
    return diagonal_normal(weighted / precision, precision.rsqrt())
