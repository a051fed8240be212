"""Normal distributions with a diagonal or a full covariance, and the KL from the full to the diagonal."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence, register_kl

from vaelab.distributions.precision import no_autocast


def diagonal_normal(mean: Tensor, scale: Tensor, event_dims: int = 1) -> Distribution:
    r"""N(mean, diag(scale^2)) whose event is the last `event_dims` dimensions.

    log p(x) = -1/2 sum_i [((x_i - mean_i) / scale_i)^2 + log(2 pi) + 2 log scale_i], in nats.

    Arguments are not validated, since validation would synchronise an accelerator in every training step.
    """
    return Independent(Normal(mean, scale, validate_args=False), event_dims, validate_args=False)


class MultivariateNormal(torch.distributions.MultivariateNormal):
    """torch's N(m, L L^T), sampled in float32 even inside a bf16 network, where autocast would round L epsilon."""

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Reparameterised draws z = m + L epsilon."""
        with no_autocast(self.loc):
            return super().rsample(torch.Size(sample_shape))


@register_kl(torch.distributions.MultivariateNormal, Independent)  # type: ignore[untyped-decorator]
def _full_to_diagonal(q: torch.distributions.MultivariateNormal, p: Any) -> Tensor:
    r"""KL(N(m, S) || N(n, diag(s^2))) = 1/2 sum_i [(S_ii + (m_i - n_i)^2) / s_i^2 - 1 + log s_i^2] - 1/2 log det S."""
    if not isinstance(p.base_dist, Normal) or p.reinterpreted_batch_ndims != 1:
        raise NotImplementedError
    # The KL between the diagonal parts has sum_i log S_ii instead of log det S; the rest is the same.
    diagonal_kl = kl_divergence(Independent(Normal(q.mean, q.stddev, validate_args=False), 1), p)
    log_det = 2 * q.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    kl: Tensor = diagonal_kl + (q.variance.log().sum(-1) - log_det) / 2
    return kl
