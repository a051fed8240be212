"""The diffusion prior."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import AffineTransform, Distribution, IndependentTransform
from torch.nn.functional import logsigmoid
from zuko.transforms import ComposedTransform

from vaelab.contract import Infer, Prior
from vaelab.distributions import as_float32, diagonal_normal, no_autocast
from vaelab.distributions.flow import FlowDistribution
from vaelab.distributions.ode import OdeTransform
from vaelab.priors.layers import joined, mlp

# The width of the distribution from which log signal-to-noise ratios are drawn; that of the bound's weight is 1.
_WIDTH = 3.0

Residual = Callable[[Tensor, Tensor], Tensor]
"""f(z_t, t) of points, (*S, D), and angles, (*S, 1)."""


class DiffusionPrior(Prior):
    r"""A diffusion of latents to N(0, I), which a network reverses.

    z_t = cos(t) z + sin(t) e, with e from N(0, I) and the angle t from 0 to pi / 2: Salimans and Ho (2022),
    where the path of probability flow is dz/dt = v(z, t) with their v. Of v the network gives what differs from the
    normal distribution: v = sin(t) f(z, t), so that score(z, t) = -z - cos(t) f(z, t), the mixed score of Vahdat, Kreis
    and Kautz (2021), section 3.2. Where f is zero, the prior is N(0, I).

    **In evaluation mode** log p(z) is that of the probability flow (Song et al. 2021, section 4.3, "Score-based
    generative modeling through stochastic differential equations"), exact up to the steps of the integration, and draws
    come from the same flow. The cost of a density grows with D^2, that of a draw with D.

    **In training mode** `log_prob` is an estimate, without bias, of a bound, see `DenoisingBound`, and the KL of a
    training batch is one of an upper bound on the KL. The bound is for the prior that the stochastic reverse of the
    diffusion defines, which agrees with that of the flow where f is exact.

    Args:
        latent: D, dimensions of z.
        condition: K, dimensions of the condition; 0 for none.
        hidden: widths of the network.
        steps: number of steps of the integration.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, latent: int, condition: int, hidden: Sequence[int], steps: int) -> None:
        super().__init__()
        self.network = mlp(latent + 3 + condition, hidden, latent)
        # Latents are standardised by their mean and deviation before the diffusion, if `fit` has seen any.
        self.register_buffer("shift", torch.zeros(latent))
        self.register_buffer("scale", torch.ones(latent))
        # Short steps where there is little noise and the density has fine structure.
        self.times = tuple(math.pi / 2 * (i / steps) ** 2 for i in range(steps + 1))

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The prior, of batch shape () or, given a condition, (B,): the flow, in training mode with the bound."""
        residual = self._residual(None if c is None else as_float32(c))
        shape = self.shift.shape if c is None else (len(c), *self.shift.shape)
        zeros = torch.zeros(shape, dtype=self.shift.dtype, device=self.shift.device)
        base = diagonal_normal(zeros, torch.ones_like(zeros))
        standardise = IndependentTransform(AffineTransform(-self.shift / self.scale, 1 / self.scale), 1)
        transform = ComposedTransform(standardise, OdeTransform(flow_of(residual), self.times))
        return DenoisingBound(transform, base, residual) if self.training else FlowDistribution(transform, base)

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` latents from the flow, whose normal variables are multiplied by the temperature."""
        p: Any = self.forward(c, infer)
        drawn: Tensor = p.expand((n,)).draw(temperature)
        return drawn

    @torch.no_grad()
    def fit(self, codes: Tensor, c: Float[Tensor, "N K"] | None) -> None:
        """Standardise by the mean and the deviation of the codes."""
        self.shift.copy_(codes.mean(0))
        self.scale.copy_(codes.std(0).clamp(min=1e-6))

    def _residual(self, c: Tensor | None) -> Residual:
        """f, given the condition."""

        def f(z: Tensor, angle: Tensor) -> Tensor:
            # The size of the noise decides which structure is visible, and its logarithm tells small noise apart.
            noise = angle.sin()
            value: Tensor = self.network(joined(z, angle.cos(), noise, (noise + 0.01).log(), c))
            return value

        return f


def flow_of(residual: Residual) -> Callable[[Tensor, float], Tensor]:
    """The velocity of the probability flow, sin(t) f(z, t)."""

    def velocity(z: Tensor, t: float) -> Tensor:
        return math.sin(t) * residual(z, torch.full_like(z[..., :1], t))

    return velocity


class DenoisingBound(FlowDistribution):
    r"""The probability flow of a diffusion, whose `log_prob` is an estimate of a bound with one draw of noise.

    log p(z) >= log N(z; 0, I) + 1/2 E \int [2 f . (v / sin t) - |f|^2] cos^2 t sin^2 t dr,

    where v = cos(t) e - sin(t) z and r = 2 log cot t is the log signal-to-noise ratio. It is the bound of Song, Durkan,
    Murray and Ermon (2021), "Maximum likelihood training of score-based diffusion models", theorem 3, for this
    diffusion, minus the same for f = 0, which is log N(z; 0, I): what does not depend on f has no noise, and f = 0
    gives N(0, I) without an error. It holds for the density that the reverse stochastic differential equation defines,
    and is an equality where f is that of the true scores. Its gradient is that of denoising score matching with the
    likelihood weighting.

    r is drawn from a logistic distribution of width 3, in equal strata over the batch, and the noise is drawn with both
    signs, which keeps the variance finite where t is small.

    Args:
        transform: from z to the normal variable.
        base: the normal distribution, (B, D) or (D,).
        residual: f.
    """

    def __init__(self, transform: Any, base: Distribution, residual: Residual) -> None:
        super().__init__(transform, base)
        self.residual = residual

    def expand(self, batch_shape: Any, new: Any = None) -> DenoisingBound:
        """The same distribution, expanded to a larger batch."""
        return DenoisingBound(self.transform, self.base.expand(batch_shape), self.residual)

    def log_prob(self, value: Float[Tensor, "*S D"]) -> Tensor:
        """An unbiased estimate of a lower bound on log p(z), nats."""
        with no_autocast(value):
            standardise = self.transform.transforms[0]
            z, log_det = standardise.call_and_ladj(as_float32(value))
            log_p: Tensor = self.base.log_prob(z) + log_det + self._gain(z)
        return log_p

    def _gain(self, z: Tensor) -> Tensor:
        """What the bound gains over log N(z; 0, I)."""
        count = z.shape[:-1].numel()
        strata = (torch.rand((), device=z.device) + torch.arange(count, device=z.device) / count) % 1
        ratio = _WIDTH * torch.logit(strata.to(z), eps=1e-6).reshape(*z.shape[:-1], 1)
        # cos^2 sin^2 over the density from which the ratio is drawn; both are logistic.
        log_weight = logsigmoid(ratio) + logsigmoid(-ratio)
        log_weight = log_weight - logsigmoid(ratio / _WIDTH) - logsigmoid(-ratio / _WIDTH) + math.log(_WIDTH)
        signal, noise = ratio.sigmoid().sqrt(), (-ratio).sigmoid().sqrt()
        angle, drawn = torch.atan2(noise, signal), torch.randn_like(z)
        terms = []
        for e in (drawn, -drawn):
            f = self.residual(signal * z + noise * e, angle)
            terms.append(2 * f * (signal * e / noise - z) - f.square())
        gain: Tensor = (log_weight.exp() / 2 * (terms[0] + terms[1]) / 2).sum(-1)
        return gain
