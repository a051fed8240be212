"""The normal distribution with a full covariance, and its KL to one with a diagonal covariance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence, register_kl

from vaelab.distributions.precision import no_autocast


class MultivariateNormal(torch.distributions.MultivariateNormal):
    """torch's own N(m, L L^T), drawn in full precision even amid a network in bf16, which would round L epsilon."""

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """z = m + L epsilon, through which gradients flow."""
        with no_autocast(self.loc):
            return super().rsample(torch.Size(sample_shape))


@register_kl(torch.distributions.MultivariateNormal, Independent)  # type: ignore[untyped-decorator]
def _full_to_diagonal(q: torch.distributions.MultivariateNormal, p: Any) -> Tensor:
    r"""KL(N(m, S) || N(n, diag(s^2))) = 1/2 sum_i [(S_ii + (m_i - n_i)^2) / s_i^2 - 1 + log s_i^2] - 1/2 log det S."""
    if not isinstance(p.base_dist, Normal) or p.reinterpreted_batch_ndims != 1:
        raise NotImplementedError
    # The KL between the two diagonals is right but for the determinant of S, whose diagonal it took.
    of_diagonals = kl_divergence(Independent(Normal(q.mean, q.stddev, validate_args=False), 1), p)
    log_det = 2 * q.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    kl: Tensor = of_diagonals + (q.variance.log().sum(-1) - log_det) / 2
    return kl


__all__ = ["MultivariateNormal"]
