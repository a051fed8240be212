"""Planar flows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Transform
from torch.distributions.constraints import real_vector

from vaelab.flows.parameters import above_minus_one


class PlanarTransform(Transform):
    r"""g(z) = z + u tanh(w . z + b): Rezende and Mohamed (2015), equation 10.

    log |det dg/dz| = log(1 + k [1 - tanh(w . z + b)^2]), k = w . u: their equation 12. It is invertible where k > -1:
    u is moved along w until k = m(w . u), m increasing with values above -1, as in their appendix A.1. Here m is the
    identity above zero, so that such a u stays; their m(x) = -1 + log(1 + e^x) moves every u, without bound as w goes
    to 0.

    The inverse follows from w . y = a + k tanh(a + b), an increasing function of the one number a = w . z, which is
    bisected and then polished by a step of Newton's method. The gradient of that step is that of the inverse.

    Args:
        w: normal of the plane, (*B, D).
        u: direction of the shift, (*B, D).
        b: offset of the plane, (*B, 1).
    """

    domain = real_vector
    codomain = real_vector
    bijective = True

    def __init__(self, w: Tensor, u: Tensor, b: Tensor) -> None:
        super().__init__()
        along = (w * u).sum(-1, keepdim=True)
        self.k = above_minus_one(along)
        # Bounded at w = 0, where k - w . u falls with the square of w.
        self.u = u + (self.k - along) * w / w.square().sum(-1, keepdim=True).clamp(min=torch.finfo(w.dtype).tiny)
        self.w, self.b = w, b

    def _call(self, z: Tensor) -> Tensor:
        return self.call_and_ladj(z)[0]

    def _inverse(self, y: Tensor) -> Tensor:
        across = (self.w * y).sum(-1, keepdim=True)
        with torch.no_grad():
            a = self._bisected(across)
        bent = (a + self.b).tanh()
        a = a - (a + self.k * bent - across) / self._slope(bent)
        return y - self.u * (a + self.b).tanh()

    def log_abs_det_jacobian(self, z: Tensor, y: Tensor) -> Tensor:
        """log |det dg/dz|, (*B)."""
        return self.call_and_ladj(z)[1]

    def call_and_ladj(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """g(z), and log |det dg/dz|."""
        bent = ((self.w * z).sum(-1, keepdim=True) + self.b).tanh()
        return z + self.u * bent, self._slope(bent).log().squeeze(-1)

    def _slope(self, bent: Tensor) -> Tensor:
        slope: Tensor = 1 + self.k * (1 - bent.square())
        return slope

    def _bisected(self, across: Tensor) -> Tensor:
        reach = self.k.abs()
        low, high = across - reach, across + reach
        # One bit per step, and a few for a wide start.
        for _ in range(32 if across.dtype == torch.float32 else 64):
            middle = (low + high) / 2
            below = middle + self.k * (middle + self.b).tanh() < across
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2
