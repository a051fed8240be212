"""The normal distribution with a diagonal covariance, over the last dimensions of a tensor."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, Independent, Normal


def diagonal_normal(mean: Tensor, scale: Tensor, event_dims: int = 1) -> Distribution:
    r"""N(mean, diag(scale^2)) whose event is the last `event_dims` dimensions.

    log p(x) = -1/2 sum_i [((x_i - mean_i) / scale_i)^2 + log(2 pi) + 2 log scale_i], in nats.

    Arguments are not validated: that would make an accelerator wait in every training step.
    """
    return Independent(Normal(mean, scale, validate_args=False), event_dims, validate_args=False)
