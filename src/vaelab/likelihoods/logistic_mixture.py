"""The discretised mixture of logistics over the 256 values of a pixel."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, constraints
from torch.nn.functional import softplus

from vaelab.likelihoods.levels import LEVELS, log_logistic_mass, to_levels, to_pixels

# Half the distance between neighbouring values, on the scale from -1 to 1 that these formulas use.
_HALF = 1 / (LEVELS - 1)


class LogisticMixture(Distribution):
    r"""Independent pixels, each a mixture of logistics shared by its channels and discretised to 256 bins.

    Salimans, Karpathy, Chen and Kingma (2017), sections 2.1 and 2.2. With v = 2 x - 1 in [-1, 1], component k has

        P(v_c | v_1 .. v_{c-1}, k) = F((v_c + h - m_c) / s_c) - F((v_c - h - m_c) / s_c)
        m_c = location_c + sum_{j < c} a_cj v_j,       F the logistic function, h = 1/255,

    where the bin of the lowest value includes everything below it, and that of the highest everything above.

    Args:
        logits: unnormalised log weights of the components.
        location: of each component and channel; black is -1, white is 1.
        scale: of each component and channel, in the same units.
        coefficients: a_cj, in the order a_21, a_31, a_32, ...
    """

    arg_constraints = {}  # noqa: RUF012  # as torch declares it
    support = constraints.independent(constraints.unit_interval, 3)

    def __init__(
        self,
        logits: Float[Tensor, "*N K H W"],
        location: Float[Tensor, "*N K C H W"],
        scale: Float[Tensor, "*N K C H W"],
        coefficients: Float[Tensor, "*N K A H W"],
    ) -> None:
        self.logits, self.location, self.scale, self.coefficients = logits, location, scale, coefficients
        self.channels = location.shape[-3]
        super().__init__(location.shape[:-4], location.shape[-3:], validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> LogisticMixture:
        """The same distribution, expanded to a larger batch."""
        parts = (self.logits, self.location, self.scale, self.coefficients)
        here = len(self.batch_shape)
        return LogisticMixture(*(part.expand(*batch_shape, *part.shape[here:]) for part in parts))

    def log_prob(self, value: Float[Tensor, "*N C H W"]) -> Tensor:
        """Log probability of each image, nats; a pixel is rounded to the nearest of the 256 values."""
        levels = to_levels(value).unsqueeze(-4)
        v = 2 * to_pixels(levels) - 1
        each_mean = (self._mean(c, v[..., :c, :, :]) for c in range(self.channels))
        means = torch.stack(torch.broadcast_tensors(*each_mean), -3)

        # Bounds of the bin. The outermost bins are open on one side.
        above = (v + _HALF - means) / self.scale
        below = (v - _HALF - means) / self.scale
        lowest, highest = levels <= 0, levels >= LEVELS - 1
        log_mass = log_logistic_mass(above, below, 2 * _HALF / self.scale, lowest, highest)

        each = self.logits.log_softmax(-3) + log_mass.sum(-3)
        return each.logsumexp(-3).sum((-2, -1))

    @property
    def mean(self) -> Float[Tensor, "*N C H W"]:
        """The expected image before discretisation, with values beyond black and white clipped.

        A logistic clipped to [-1, 1] has the mean s [log(1 + e^{(m + 1) / s}) - log(1 + e^{(m - 1) / s})] - 1.
        Later channels are conditioned on the mean of the earlier ones, which for them is an approximation.
        """
        means = self.location[..., :0, :, :]
        for c in range(self.channels):
            m, s = self._mean(c, means), self.scale[..., c, :, :]
            clipped = s * (softplus((m + 1) / s) - softplus((m - 1) / s)) - 1
            means = torch.cat([means, clipped.unsqueeze(-3)], -3)
        mixed = (self.logits.softmax(-3).unsqueeze(-3) * means).sum(-4)
        return ((mixed + 1) / 2).clamp(0, 1)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Float[Tensor, "*N C H W"]:
        """Images drawn at random: a component per pixel, then each channel given the earlier discretised ones."""
        drawn = self._component(torch.Size(sample_shape))
        v = drawn.location[..., 0, :0, :, :]
        for c in range(self.channels):
            noise = torch.rand_like(drawn.scale[..., 0, c, :, :]).logit()
            raw = drawn._mean(c, v.unsqueeze(-4)).squeeze(-3) + drawn.scale[..., 0, c, :, :] * noise
            # Clipped first: values beyond black and white, including infinite noise, belong to the outermost bins.
            level = to_levels((raw.clamp(-1, 1) + 1) / 2)
            v = torch.cat([v, (2 * to_pixels(level) - 1).unsqueeze(-3)], -3)
        return (v + 1) / 2

    def _mean(self, c: int, earlier: Tensor) -> Tensor:
        """m_c, (*N, K, H, W), given the c channels before it, (*N, K or 1, c, H, W)."""
        if c == 0:
            # The sum below would be an empty one, which onnxruntime-web cannot multiply.
            return self.location[..., 0, :, :]
        first = c * (c - 1) // 2
        shift = (self.coefficients[..., first : first + c, :, :] * earlier).sum(-3)
        return self.location[..., c, :, :] + shift

    def _component(self, sample_shape: torch.Size) -> LogisticMixture:
        """A component drawn per pixel, as a mixture with K = 1."""
        many = self.expand(sample_shape + self.batch_shape)
        # (*N, 1, H, W), and with an axis for channels (*N, 1, 1, H, W).
        index = Categorical(logits=many.logits.movedim(-3, -1), validate_args=False).sample().unsqueeze(-3)
        picked = (
            torch.take_along_dim(part, index.unsqueeze(-3), -4)
            for part in (many.location, many.scale, many.coefficients)
        )
        return LogisticMixture(torch.zeros_like(index, dtype=many.logits.dtype), *picked)
