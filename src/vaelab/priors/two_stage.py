"""The two-stage prior: a second VAE whose data are the latents of the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.quasirandom import SobolEngine

from vaelab.contract import Infer, Prior
from vaelab.distributions import as_float32, diagonal_normal, no_autocast, scale_of
from vaelab.priors.layers import joined, mlp

# Fixed points for which weights are computed at once, since each costs the memory of the whole batch.
_AT_ONCE = 16


class TwoStagePrior(Prior):
    r"""A VAE over latents: p(z) = E p(z | u) with u from N(0, I).

    p(z | u, c) = N(z; m(u, c), g^2 I), q(u | z, c) = N(u; n(z, c), diag(s(z, c)^2)): Dai and Wipf (2019), section 4,
    with as many dimensions of u as of z and a learned g. Both means are their input plus the output of a network, and g
    starts small, so that u does not begin, and stay, unused.

    Draws are exact; log p(z) has no closed form. `log_prob` estimates p(z) without bias, so log p(z) from below, by
    importance samples of q(u | z):

        log 1/K sum_k p(z | u_k) p(u_k) / q(u_k | z).

    **In training mode** there is one draw, and this is the bound by which the second stage learns. **In evaluation
    mode** there are `draws` quasi-random points, the same in each call. In the mean over points, a KL that is computed
    with it is too high and an ELBO too low, so both keep their direction as bounds. The spec says `exact = False`, and
    log p(x) by quadrature is refused.

    Args:
        latent: D, dimensions of z and of u.
        condition: K, dimensions of the condition; 0 for none.
        hidden: widths of the encoder; the decoder has them in reverse.
        draws: number of points in evaluation mode.
    """

    points: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, latent: int, condition: int, hidden: Sequence[int], draws: int) -> None:
        super().__init__()
        self.encoder = mlp(latent + condition, hidden, 2 * latent)
        self.decoder = mlp(latent + condition, hidden[::-1], latent)
        self.log_variance = nn.Parameter(torch.tensor(-2.0))
        # Scrambled points of Sobol (Owen 1998): each is uniform, so that the estimate has no bias over scramblings.
        uniform = SobolEngine(latent, scramble=True, seed=0).draw(draws, dtype=torch.float64)
        normal = torch.special.ndtri(uniform.clamp(1e-9, 1 - 1e-9)).float()
        self.register_buffer("points", normal, persistent=False)
        # Latents are standardised by their mean and deviation, if `fit` has seen any.
        self.register_buffer("shift", torch.zeros(latent))
        self.register_buffer("scale", torch.ones(latent))

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The distribution, of batch shape () or, given a condition, (B,)."""
        return TwoStageDistribution(self, None if c is None else as_float32(c))

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` latents; the temperature multiplies the normal variables of both stages."""
        drawn: Tensor = TwoStageDistribution(self, c).expand((n,)).draw((), temperature).detach()
        return drawn

    @torch.no_grad()
    def fit(self, codes: Tensor, c: Float[Tensor, "N K"] | None) -> None:
        """Standardise by the mean and the deviation of the codes."""
        self.shift.copy_(codes.mean(0))
        self.scale.copy_(codes.std(0).clamp(min=1e-6))

    def stage(self, z: Tensor, c: Tensor | None) -> Distribution:
        """q(u | z, c)."""
        change, log_variance = self.encoder(joined(z, c)).chunk(2, -1)
        return diagonal_normal(z + change, scale_of(log_variance))

    def decode(self, u: Tensor, c: Tensor | None) -> Distribution:
        """p(z | u, c)."""
        mean = u + self.decoder(joined(u, c))
        return diagonal_normal(mean, scale_of(self.log_variance).expand_as(mean))


class TwoStageDistribution(Distribution):
    """The distribution of a `TwoStagePrior`, over vectors of shape (D,).

    Args:
        prior: the second stage.
        c: the condition, (B, K), or None.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, prior: TwoStagePrior, c: Tensor | None) -> None:
        self.prior, self.c = prior, c
        batch = torch.Size() if c is None else torch.Size(c.shape[:1])
        super().__init__(batch, prior.shift.shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> TwoStageDistribution:
        """The same distribution, expanded to a batch of one dimension."""
        c = None if self.c is None else self.c.expand(*batch_shape, -1)
        new = TwoStageDistribution(self.prior, c)
        new._batch_shape = torch.Size(batch_shape)
        return new

    @property
    def mean(self) -> Float[Tensor, "*B D"]:
        """The average of p(z | u) over the fixed points u."""
        points = self.prior.points
        u = points.view(len(points), *(1 for _ in self.batch_shape), -1).expand(-1, *self.batch_shape, -1)
        with no_autocast(points):
            mean = self.prior.decode(u, self.c).mean.mean(0)
        return self.prior.shift + self.prior.scale * mean

    def log_prob(self, value: Float[Tensor, "*S D"]) -> Tensor:
        """An estimate of log p(z), nats, of which the exponential has no bias."""
        prior = self.prior
        with no_autocast(value):
            z = (as_float32(value) - prior.shift) / prior.scale
            q = prior.stage(z, self.c)
            p = diagonal_normal(torch.zeros_like(q.mean), torch.ones_like(q.mean))
            fixed = prior.points.view(-1, *(1 for _ in z.shape[:-1]), z.shape[-1])
            noise = torch.randn_like(q.mean)[None] if prior.training else fixed
            log_weights = []
            for some in noise.split(_AT_ONCE):
                u = q.mean + q.stddev * some
                log_weights.append(prior.decode(u, self.c).log_prob(z) + p.log_prob(u) - q.log_prob(u))
            log_p: Tensor = torch.cat(log_weights).logsumexp(0) - math.log(len(noise)) - prior.scale.log().sum()
        return log_p

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Reparameterised draws."""
        return self.draw(sample_shape, 1.0)

    def draw(self, sample_shape: Any, temperature: float) -> Tensor:
        """Reparameterised draws, with both normal variables multiplied by the temperature."""
        prior = self.prior
        shape = torch.Size(sample_shape) + self.batch_shape + self.event_shape
        noise = torch.randn(2, *shape, dtype=prior.shift.dtype, device=prior.shift.device) * temperature
        with no_autocast(noise):
            p = prior.decode(noise[0], self.c)
            return prior.shift + prior.scale * (p.mean + p.stddev * noise[1])
