"""A normal distribution that is given relative to another, and knows its KL to it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence, register_kl


class ResidualNormal(Normal):
    r"""N(m + s shift, (s stretch)^2), relative to a normal N(m, s^2): Vahdat and Kautz (2020), section 3.2.

    Its KL to that normal is a function of shift and stretch alone (their equation 2, here with the shift in units of
    s), and is computed from them: the mean m + s shift in float32 has lost digits of the shift where |m| is large
    and s small. At m = 30 and s = exp(-5) a KL from means and scales is off by up to 2 %.

    Args:
        origin: N(m, s^2).
        shift: (mean - m) / s.
        log_stretch: log of the ratio of the standard deviations.
    """

    def __init__(self, origin: Normal, shift: Tensor, log_stretch: Tensor) -> None:
        self.origin, self.shift, self.log_stretch = origin, shift, log_stretch
        mean, scale = origin.loc + origin.scale * shift, origin.scale * log_stretch.exp()
        super().__init__(mean, scale, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Normal:
        """The same distribution, expanded to a larger batch, as a normal of its own."""
        plain: Normal = Normal(self.loc, self.scale, validate_args=False).expand(batch_shape)
        return plain


def residual_normal(origin: Distribution, shift: Tensor, log_stretch: Tensor) -> Distribution:
    """A `ResidualNormal` relative to a diagonal normal, with the same event."""
    assert isinstance(origin, Independent)
    assert isinstance(origin.base_dist, Normal)
    base = ResidualNormal(origin.base_dist, shift, log_stretch)
    return Independent(base, origin.reinterpreted_batch_ndims, validate_args=False)


@register_kl(ResidualNormal, Normal)  # type: ignore[untyped-decorator]
def _residual_to_normal(q: ResidualNormal, p: Normal) -> Tensor:
    """1/2 [shift^2 + stretch^2 - 1 - 2 log stretch] to its origin; to others, the KL of two normals."""
    if p is not q.origin:
        kl: Tensor = kl_divergence(Normal(q.loc, q.scale, validate_args=False), p)
        return kl
    return (q.shift.square() + torch.expm1(2 * q.log_stretch) - 2 * q.log_stretch) / 2
