"""The continuous Bernoulli likelihood."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

from vaelab.contract import Likelihood
from vaelab.likelihoods.levels import inside

# For smaller |theta| the formulas lose digits, so series replace them; at this value both agree to 1e-9.
_SMALL = 0.5
# The mean is 1/1024 from 0 or 1 at this |theta|, half as far as that of a black or white pixel that is drawn in.
_LARGE = 1024.0


class ContinuousBernoulliLikelihood(Likelihood):
    r"""Independent continuous-Bernoulli pixels.

    p(x | z) = prod_i theta_i exp(theta_i x_i) / (exp(theta_i) - 1), a density of pixels in [0, 1]: Loaiza-Ganem and
    Cunningham (2019), section 3, in terms of the logit. It is the Bernoulli likelihood's expression for grey
    pixels, with the normaliser that makes it a density. At theta = 0 each pixel is uniform on [0, 1].
    """

    linear = True

    def forward(self, theta: Float[Tensor, "*N C H W"]) -> Distribution:
        """Independent pixels with logits theta."""
        return Independent(ContinuousBernoulli(theta), 3, validate_args=False)

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "G N"]:
        """log p at mid-grey plus (x - 1/2) theta, all pairs by one matrix product, nats."""
        logits: Tensor = p.base_dist.logits.flatten(1)  # type: ignore[attr-defined]
        middle: Tensor = p.base_dist.log_prob(torch.tensor(0.5)).flatten(1)  # type: ignore[attr-defined]
        return torch.addmm(middle.sum(1, keepdim=True), logits, x.flatten(1).T - 0.5)

    def parameters_of(self, mean: Float[Tensor, "C H W"]) -> Float[Tensor, "P H W"]:
        """The logit of which it is the mean, by bisection; the mean is drawn in by half a grey level."""
        target = inside(mean)
        low = torch.full_like(target, -_LARGE)
        high = -low
        for _ in range(50):
            middle = (low + high) / 2
            below = ContinuousBernoulli(middle).mean < target
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2


class ContinuousBernoulli(Distribution):
    """The continuous Bernoulli distribution of a number in [0, 1], parameterised by its logit.

    torch's ContinuousBernoulli clamps the probability: in float32 logits beyond about 15 have no effect, and the
    density integrates to 0.53 at a logit of 30, a magnitude that black pixels reach in training.

    Args:
        logits: theta, of any shape.

    >>> ContinuousBernoulli(torch.zeros(2)).mean
    tensor([0.5000, 0.5000])
    """

    arg_constraints = {"logits": constraints.real}  # noqa: RUF012  # as torch declares it
    support = constraints.unit_interval

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> ContinuousBernoulli:
        """The same distribution, expanded to a larger batch."""
        return ContinuousBernoulli(self.logits.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of each number, nats."""
        # The normaliser is the log of int exp(theta (x - 1/2)) dx = sinh(theta / 2) / (theta / 2), even in theta.
        size, small, square = self._parts()
        series = square / 24 - square**2 / 2880 + square**3 / 181440
        normaliser = torch.where(small, series, size / 2 + (-torch.expm1(-size)).log() - size.log())
        return self.logits * (value - 0.5) - normaliser

    @property
    def mean(self) -> Tensor:
        """1 / (1 - exp(-theta)) - 1 / theta, and 1/2 at theta = 0."""
        size, small, square = self._parts()
        series = self.logits / 12 * (1 - square / 60 + square**2 / 2520)
        away = torch.where(self.logits < 0, -1.0, 1.0) * (-1 / torch.expm1(-size) - 1 / size - 0.5)
        return 0.5 + torch.where(small, series, away)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws by inversion of the cumulative distribution function."""
        u = torch.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device)
        # For a negative logit; a positive one is its mirror image. This form stays accurate for tiny logits.
        size = self.logits.abs().clamp(min=1e-6)
        x = -torch.log1p(u * torch.expm1(-size)) / size
        return torch.where(self.logits > 0, 1 - x, x).clamp(0, 1)

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """|theta| clamped from below, the mask of small |theta|, and theta^2 clamped from above."""
        size = self.logits.abs()
        # Both branches of `torch.where` are differentiated, so each is clamped to its finite range.
        return size.clamp(min=_SMALL), size < _SMALL, self.logits.clamp(-_SMALL, _SMALL).square()
