"""The Poincare ball and normal distributions wrapped around it, with densities per hyperbolic volume."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import real_vector

from vaelab.distributions.normal import diagonal_normal


class WrappedNormal(Distribution):
    r"""A normal distribution of tangent vectors, carried to a centre and wrapped around the Poincare ball.

    z = exp_m(v / lambda_m), v ~ N(0, diag(sigma^2)), in the ball |z| < 1 / sqrt(c) of curvature -c: Mathieu et al.
    (2019), section 3.1, and Nagano et al. (2019). The length r of v is the distance of z from m, and per hyperbolic
    volume, which is lambda_z^D dz, lambda_z = 2 / (1 - c |z|^2),

        log p(z) = log N(v; 0, diag(sigma^2)) - (D - 1) log(sinh(sqrt(c) r) / (sqrt(c) r)).

    In float32, distances from the origin end at about 12 / sqrt(c): the next number is the boundary. Draws further out
    are moved to that distance.

    Args:
        centre: m, points of the ball, (*B, D).
        scale: sigma, in units of distance, (*B, D).
        curvature: c > 0.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, centre: Tensor, scale: Tensor, curvature: float) -> None:
        self.centre, self.scale, self.curvature = centre, scale, curvature
        super().__init__(centre.shape[:-1], centre.shape[-1:], validate_args=False)

    @property
    def support(self) -> Any:
        """Real vectors, of which those inside the ball have a density."""
        return real_vector

    @property
    def mean(self) -> Float[Tensor, "*B D"]:
        """The centre, from which the mean squared distance is least."""
        return self.centre

    def expand(self, batch_shape: Any, _instance: Any = None) -> WrappedNormal:
        """The same distribution, expanded to a larger batch."""
        shape = (*batch_shape, self.event_shape[0])
        return WrappedNormal(self.centre.expand(shape), self.scale.expand(shape), self.curvature)

    def log_prob(self, value: Float[Tensor, "*S D"]) -> Tensor:
        """log p(z), nats per hyperbolic volume."""
        v = from_origin(moved(-self.centre, value, self.curvature), self.curvature)
        r = _length(v) * self.curvature**0.5
        # log sinh(r) / r = r + log (1 - exp(-2 r)) / (2 r), which is finite for every r.
        spread = (r + (-torch.expm1(-2 * r) / (2 * r)).log()).squeeze(-1)
        normal = diagonal_normal(torch.zeros_like(self.scale), self.scale)
        log_p: Tensor = normal.log_prob(v) - (self.event_shape[0] - 1) * spread
        return log_p

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Reparameterised draws, points of the ball."""
        return self.around(self.noise(sample_shape))

    def noise(self, sample_shape: Any = ()) -> Tensor:
        """Draws v of the tangent vectors."""
        return diagonal_normal(torch.zeros_like(self.scale), self.scale).rsample(torch.Size(sample_shape))

    def around(self, v: Tensor) -> Tensor:
        """The points exp_m(v / lambda_m)."""
        return inside(moved(self.centre, to_ball(v, self.curvature), self.curvature), self.curvature)


def to_ball(v: Tensor, curvature: float) -> Tensor:
    """exp_0(v / 2): the point in direction v at the distance |v| from the origin."""
    length = _length(v)
    root = curvature**0.5
    return inside(v * (root * length / 2).tanh() / (root * length), curvature)


def from_origin(z: Tensor, curvature: float) -> Tensor:
    """2 log_0(z): the inverse of `to_ball`."""
    z = inside(z, curvature)
    length = curvature**0.5 * _length(z)
    v: Tensor = z * 2 * length.atanh() / length
    return v


def moved(by: Tensor, z: Tensor, curvature: float) -> Tensor:
    """Mobius addition by + z: the translation that carries the origin to `by` (Ungar 2008), an isometry of the ball."""
    product = (by * z).sum(-1, keepdim=True)
    near, far = by.square().sum(-1, keepdim=True), z.square().sum(-1, keepdim=True)
    above: Tensor = (1 + 2 * curvature * product + curvature * far) * by + (1 - curvature * near) * z
    below: Tensor = 1 + 2 * curvature * product + curvature**2 * near * far
    return above / below.clamp(min=torch.finfo(z.dtype).tiny)


def inside(z: Tensor, curvature: float) -> Tensor:
    """The point, or if it lies on or outside the boundary, one in its direction just inside."""
    room = 1e-5 if torch.finfo(z.dtype).eps > 1e-10 else 1e-13
    longest = (1 - room) / curvature**0.5
    nearer: Tensor = z * (longest / _length(z)).clamp(max=1)
    return nearer


def _length(v: Tensor) -> Tensor:
    """The length of a vector, never 0, so that it can be divided by; its gradient is finite."""
    length: Tensor = (v.square().sum(-1, keepdim=True) + torch.finfo(v.dtype).eps ** 2).sqrt()
    return length
