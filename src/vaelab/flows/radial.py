"""Radial flows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Transform
from torch.distributions.constraints import real_vector

from vaelab.distributions import scale_of
from vaelab.flows.parameters import above_minus_one


def radial(centre: Tensor, log_alpha: Tensor, pull: Tensor) -> RadialTransform:
    """The transformation for any real numbers, which are bounded to where it is invertible."""
    return RadialTransform(centre, scale_of(2 * log_alpha), above_minus_one(pull))


class RadialTransform(Transform):
    r"""g(z) = z + beta (z - m) / (alpha + r), r = |z - m|: Rezende and Mohamed (2015), equation 14.

    log |det dg/dz| = (D - 1) log(1 + beta / (alpha + r)) + log(1 + alpha beta / (alpha + r)^2). It is invertible where
    beta > -alpha (their appendix A.2), so it is given as a ratio above -1. The distance R = |g(z) - m| is a root of
    r^2 + (alpha + beta - R) r = alpha R, a quadratic equation in r whose other root is negative.

    Args:
        centre: m, (*B, D).
        alpha: where the pull falls to a half, above 0, (*B, 1).
        ratio: beta / alpha, above -1, (*B, 1).
    """

    domain = real_vector
    codomain = real_vector
    bijective = True

    def __init__(self, centre: Tensor, alpha: Tensor, ratio: Tensor) -> None:
        super().__init__()
        self.centre, self.alpha, self.ratio = centre, alpha, ratio

    def _call(self, z: Tensor) -> Tensor:
        return self.call_and_ladj(z)[0]

    def _inverse(self, y: Tensor) -> Tensor:
        apart = y - self.centre
        # In units of alpha. The product of the roots is -R, so each form of the positive one is without cancellation.
        far = _norm(apart) / self.alpha
        half = (far - 1 - self.ratio) / 2
        larger = half.abs() + (half.square() + far).sqrt()
        r = torch.where(half > 0, larger, far / larger)
        return self.centre + apart * (1 + r) / (1 + r + self.ratio)

    def log_abs_det_jacobian(self, z: Tensor, y: Tensor) -> Tensor:
        """log |det dg/dz|, (*B)."""
        return self.call_and_ladj(z)[1]

    def call_and_ladj(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """g(z), and log |det dg/dz|."""
        apart = z - self.centre
        near = 1 / (1 + _norm(apart) / self.alpha)
        stretch = self.ratio * near
        around = (z.shape[-1] - 1) * stretch.log1p()
        return z + stretch * apart, (around + (stretch * near).log1p()).squeeze(-1)


def _norm(apart: Tensor) -> Tensor:
    """The length of a vector, with a finite gradient at zero."""
    return (apart.square().sum(-1, keepdim=True) + torch.finfo(apart.dtype).tiny).sqrt()
