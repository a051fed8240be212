"""The KL from Student's t distribution to a normal."""

from __future__ import annotations

import math

from torch import Tensor
from torch.distributions import Normal, StudentT, register_kl


@register_kl(StudentT, Normal)  # type: ignore[untyped-decorator]
def _to_normal(q: StudentT, p: Normal) -> Tensor:
    """-H(q) + [variance + (m - n)^2] / (2 s^2) + log(s sqrt(2 pi)), finite above two degrees of freedom."""
    apart = (q.variance + (q.mean - p.mean).square()) / (2 * p.variance)
    kl: Tensor = apart + p.scale.log() + math.log(2 * math.pi) / 2 - q.entropy()
    return kl
