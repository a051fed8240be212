"""Distributions on the unit sphere: von Mises-Fisher and uniform, with densities per area of the sphere."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Beta, Distribution, register_kl
from torch.distributions.constraints import real_vector

from vaelab.distributions.bessel import bessel

_NODES = 96


def log_area(dimensions: int) -> float:
    """Log of the area of the sphere of unit vectors of `dimensions` numbers, 2 pi^(d / 2) / Gamma(d / 2).

    >>> round(math.exp(log_area(3)) / math.pi, 6)
    4.0
    """
    half = dimensions / 2
    return math.log(2) + half * math.log(math.pi) - math.lgamma(half)


class VonMisesFisher(Distribution):
    r"""A distribution of unit vectors about a mean direction.

    p(z) = C exp(kappa mu . z): Davidson, Falorsi, De Cao, Kipf and Tomczak (2018), section 3.1, per area of the sphere.
    exp(kappa (mu . z - 1)) is computed as exp(-kappa |z - mu|^2 / 2), which keeps its digits where kappa is large.

    A draw has the height w = mu . z along the mean direction and a uniform direction around it. Heights are drawn by
    rejection (Wood 1994, as in their algorithm 1); their gradient is not that of the proposals, which would need a
    correction, but the exact one by implicit differentiation (Figurnov, Mohamed and Mnih 2018).

    Args:
        direction: mu, unit vectors, (*B, D).
        concentration: kappa > 0, (*B).
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, direction: Tensor, concentration: Tensor) -> None:
        self.direction, self.concentration = direction, concentration
        super().__init__(direction.shape[:-1], direction.shape[-1:], validate_args=False)
        self.log_series, self.mean_depth = bessel(self.dimensions / 2 - 1, concentration)

    @property
    def dimensions(self) -> int:
        """D, numbers of a unit vector."""
        return self.event_shape[0]

    @property
    def support(self) -> Any:
        """Real vectors, of which those of unit length have a density."""
        return real_vector

    @property
    def mean(self) -> Float[Tensor, "*B D"]:
        """The mean direction: the mean of the distribution lies inside the sphere, where no latent lies."""
        return self.direction

    @property
    def mean_length(self) -> Float[Tensor, "*B"]:
        """|E z| = I_{D/2}(kappa) / I_{D/2-1}(kappa), from 0 for the uniform distribution to 1 for a point."""
        return 1 - self.mean_depth

    def expand(self, batch_shape: Any, _instance: Any = None) -> VonMisesFisher:
        """The same distribution, expanded to a larger batch."""
        shape = torch.Size(batch_shape)
        return VonMisesFisher(self.direction.expand(*shape, -1), self.concentration.expand(shape))

    def log_prob(self, value: Float[Tensor, "*S D"]) -> Tensor:
        """log p(z), nats per area."""
        apart = (value - self.direction).square().sum(-1)
        log_p: Tensor = -self.concentration * apart / 2 - self.log_series - log_area(self.dimensions)
        return log_p

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Reparameterised draws, in the dtype of the parameters."""
        shape = torch.Size(sample_shape) + self.batch_shape
        concentration = self.concentration.expand(shape)
        depth = _Depth.apply(concentration, self.mean_depth.expand(shape).detach(), self.dimensions)  # type: ignore[no-untyped-call]
        around = torch.randn(*shape, self.dimensions - 1, dtype=depth.dtype, device=depth.device)
        around = around / around.norm(dim=-1, keepdim=True)
        out = (depth * (2 - depth)).clamp(min=torch.finfo(depth.dtype).tiny).sqrt()
        # About the first axis, on the side of the direction's opposite, then reflected so that this pole becomes the
        # direction: their algorithm 1, with the reflection kept away from where it is not continuous.
        sign = 1 - 2 * (self.direction[..., :1] < 0).to(depth.dtype)
        local = torch.cat([-sign * (1 - depth[..., None]), out[..., None] * around], -1)
        mirror = torch.cat([self.direction[..., :1] + sign, self.direction[..., 1:]], -1)
        mirror = mirror / mirror.norm(dim=-1, keepdim=True)
        z: Tensor = local - 2 * (local * mirror).sum(-1, keepdim=True) * mirror
        return z


class _Depth(torch.autograd.Function):
    """Draws of the depth u = 1 - mu . z below the pole, differentiable by kappa.

    p(u) is proportional to [u (2 - u)]^a exp(-kappa u), a = (D - 3) / 2. With u = F^-1(e) for a fixed uniform e, F the
    distribution function, du / dkappa = -dF / dkappa / p(u), and dF / dkappa = int_0^u (E[u] - s) p(s) ds.
    """

    @staticmethod
    def forward(ctx: Any, concentration: Tensor, mean: Tensor, dimensions: int) -> Tensor:
        depth = _draw(concentration, dimensions)
        ctx.save_for_backward(depth, concentration, mean)
        ctx.dimensions = dimensions
        return depth

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        depth, concentration, mean = ctx.saved_tensors
        return gradients[0] * _slope(depth, concentration, mean, ctx.dimensions), None, None


def _draw(kappa: Tensor, dimensions: int) -> Tensor:
    """Depths by rejection from a transformed beta distribution: Wood (1994), algorithm VM*, with u = 1 - w."""
    m = dimensions - 1
    b = m / (2 * kappa + (4 * kappa.square() + m**2).sqrt())
    below = 2 * b / (1 + b)  # 1 - x0
    proposal = Beta(torch.full_like(kappa, m / 2), torch.full_like(kappa, m / 2), validate_args=False)
    depth, accepted = torch.zeros_like(kappa), torch.zeros_like(kappa, dtype=torch.bool)
    while not bool(accepted.all()):
        e = proposal.sample()
        u = 2 * b * e / (1 - (1 - b) * e)
        # kappa (w - x0) + m log[(1 - x0 w) / (1 - x0^2)], without differences of numbers close to one.
        log_ratio = kappa * (below - u) + m * ((below + (1 - below) * u) / (below * (2 - below))).log()
        # Parameters that are not finite, after a step that diverged, would be rejected for ever.
        fine = (torch.rand_like(u).log() <= log_ratio) | log_ratio.isnan()
        depth = torch.where(fine & ~accepted, u, depth)
        accepted = accepted | fine
    return depth


def _slope(u: Tensor, kappa: Tensor, mean: Tensor, dimensions: int) -> Tensor:
    """du / dkappa at a fixed value of the distribution function, by Gauss-Legendre quadrature.

    Of the two integrals that the total of zero gives, that over the tail on the side of u.
    """
    a = (dimensions - 3) / 2
    points, weights = (torch.from_numpy(each).to(u) for each in np.polynomial.legendre.leggauss(_NODES))
    t, weights = (points + 1) / 2, weights / 2
    u, kappa, mean = u[..., None], kappa[..., None], mean[..., None]
    # s = u t^2 takes the singularity of s^a at zero away, where D is 2.
    s = u * t.square()
    left = 2 * a * t.log() + a * ((2 - s) / (2 - u)).log() + kappa * (u - s)
    lower = (2 * u * t * (mean - s) * left.exp() * weights).sum(-1)
    # s from u to where the density has vanished, or 2; 2 - s is a multiple of (1 - t)^2, for the same reason.
    end = torch.maximum((a + 1 + 9 * (a + 1) ** 0.5 + 40) / kappa, u + 40 / kappa).clamp(max=2)
    beyond = (end - u) * (2 * t - t.square())
    right = a * (beyond / u).log1p() + a * ((2 - end + (end - u) * (1 - t).square()) / (2 - u)).log() - kappa * beyond
    upper = (2 * (end - u) * (1 - t) * (mean - u - beyond) * right.exp() * weights).sum(-1)
    return torch.where((u < mean).squeeze(-1), -lower, upper)


class UniformOnSphere(Distribution):
    """The uniform distribution of unit vectors of D numbers.

    Args:
        zeros: of shape (D,); its device and dtype are those of draws.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, zeros: Float[Tensor, "*B D"]) -> None:
        self.zeros = zeros
        super().__init__(zeros.shape[:-1], zeros.shape[-1:], validate_args=False)

    @property
    def support(self) -> Any:
        """Real vectors, of which those of unit length have a density."""
        return real_vector

    def expand(self, batch_shape: Any, _instance: Any = None) -> UniformOnSphere:
        """The same distribution, expanded to a larger batch."""
        return UniformOnSphere(self.zeros.expand(*batch_shape, -1))

    def log_prob(self, value: Float[Tensor, "*S D"]) -> Tensor:
        """The same everywhere: -log area, nats."""
        return value.new_full(value.shape[:-1], -log_area(self.event_shape[0]))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, which depend on no parameter."""
        noise = torch.randn(*sample_shape, *self.zeros.shape, dtype=self.zeros.dtype, device=self.zeros.device)
        z: Tensor = noise / noise.norm(dim=-1, keepdim=True)
        return z


@register_kl(VonMisesFisher, UniformOnSphere)  # type: ignore[untyped-decorator]
def _to_uniform(q: VonMisesFisher, p: UniformOnSphere) -> Tensor:
    """kappa A(kappa) + log C(kappa) + log area: Davidson et al. (2018), section 3.2, in a stable form."""
    kl: Tensor = -q.concentration * q.mean_depth - q.log_series
    return kl
