"""Standard deviations from log variances, bounded where float32 ends."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softsign

# Log variances up to this size are used as they are: standard deviations from 4.5e-5 to 22,000.
WITHIN = 20.0
# The most that a log variance gains beyond. A power of two, so that dividing and multiplying by it is exact.
_BEYOND = 8.0


def scale_of(log_variance: Tensor) -> Tensor:
    r"""The standard deviation exp(v / 2) of a log variance v, which is bounded first, see `bounded`.

    >>> import torch
    >>> scale_of(torch.tensor([0.0, -2.0]))
    tensor([1.0000, 0.3679])
    """
    return (bounded(log_variance) / 2).exp()


def bounded(log_variance: Tensor, high: float = WITHIN) -> Tensor:
    r"""A log variance v, unchanged within [-20, 20] and smoothly bounded to (-28, 28) outside.

    sign(v) [20 + e / (1 + e / 8)] with the excess e = |v| - 20. The slope is continuous, 1 at e = 0, and falls with
    1 / e^2. It is never zero, so that a unit beyond the bound can return; that of tanh is zero in float32 from e = 80.

    Without a bound, float32 ends the training: exp(v) overflows at v = 88.7 and is zero below -103, so the KL of a
    normal is infinite at v = -110 and NaN at 170. The bound is closer than 88, since the gradient of log p(z) at a draw
    from q contains the third power of a ratio of variances: 3 x 28 = 84.

    Args:
        log_variance: of any shape.
        high: the upper end of the range that is unchanged; infinite for none.

    >>> import torch
    >>> bounded(torch.tensor([-1e4, -28.0, -20.0, 0.5, 1e4]))
    tensor([-27.9936, -24.0000, -20.0000,   0.5000,  27.9936])
    """
    inside = log_variance.clamp(-WITHIN, high)
    return inside + _BEYOND * softsign((log_variance - inside) / _BEYOND)
