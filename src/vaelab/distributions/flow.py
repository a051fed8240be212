"""The distribution that a normalising flow defines, used by the flow prior and the flow posterior."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.quasirandom import SobolEngine
from zuko.distributions import NormalizingFlow

from vaelab.distributions.precision import as_float32, no_autocast

_POINTS = 64


class FlowDistribution(NormalizingFlow):  # type: ignore[misc]
    """A normal distribution transformed by a flow.

    log p(z) = log N(f(z); 0, I) + log |det df/dz|, nats (Rezende and Mohamed 2015, equation 5).

    The networks of a flow run when it is sampled or scored, so both methods turn autocast off: in bf16, draws and
    densities would not agree.

    Args:
        transform: f, from z to the normal variable.
        base: the normal distribution, (B, D) or (D,).
    """

    @property
    def event_shape(self) -> torch.Size:
        """(D,), the event shape of the base, without the batch shape of the transform."""
        shape: torch.Size = self.base.event_shape
        return shape

    @property
    def mean(self) -> Float[Tensor, "*B D"]:
        """An average over 64 fixed quasi-random points, since the mean has no closed form; the same at each call."""
        uniform = SobolEngine(self.event_shape[-1], scramble=True, seed=0).draw(_POINTS)
        normal = torch.special.ndtri(uniform.clamp(1e-4, 1 - 1e-4)).to(self.base.mean)
        points = normal.view(_POINTS, *(1 for _ in self.batch_shape), -1).expand(-1, *self.batch_shape, -1)
        mean: Tensor = self._from_normal(points).mean(0)
        return mean

    def log_prob(self, value: Float[Tensor, "*S D"]) -> Tensor:
        """log p(z), nats, summed over dimensions."""
        with no_autocast(value):
            log_p: Tensor = super().log_prob(as_float32(value))
        return log_p

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Reparameterised draws."""
        return self._from_normal(self.base.rsample(torch.Size(sample_shape)))

    def draw(self, temperature: float) -> Float[Tensor, "*B D"]:
        """A draw with the base scaled by `temperature`; at 0, the point that the base's mode is mapped to."""
        return self._from_normal(temperature * self.base.sample())

    def expand(self, batch_shape: Any, new: Any = None) -> FlowDistribution:
        """The same distribution, expanded to a larger batch."""
        return FlowDistribution(self.transform, self.base.expand(batch_shape))

    def _from_normal(self, points: Tensor) -> Tensor:
        with no_autocast(points):
            z: Tensor = self.transform.inv(points)
        return z
