"""Priors without parameters to learn, on the sphere, in the Poincare ball and over positive numbers."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Gamma, Independent

from vaelab.contract import Infer, Prior
from vaelab.distributions import tempered_sample
from vaelab.distributions.poincare import WrappedNormal
from vaelab.distributions.sphere import UniformOnSphere


class UniformSpherePrior(Prior):
    """The uniform distribution of unit vectors, the same for every condition.

    Args:
        latent: D, numbers of a vector.
    """

    zeros: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("zeros", torch.zeros(latent), persistent=False)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The uniform distribution, of batch shape ()."""
        return UniformOnSphere(self.zeros)

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` unit vectors; a sphere has no centre, so the temperature has no effect."""
        return UniformOnSphere(self.zeros).sample((n,))


class PoincareNormalPrior(Prior):
    """A normal distribution wrapped around the Poincare ball, about its origin, the same for every condition.

    Args:
        latent: D, numbers of a point.
        curvature: c > 0, the negative curvature.
        scale: standard deviation of each entry of a tangent vector.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, latent: int, curvature: float, scale: float) -> None:
        super().__init__()
        self.curvature = curvature
        self.register_buffer("centre", torch.zeros(latent), persistent=False)
        self.register_buffer("scale", torch.full((latent,), scale), persistent=False)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> WrappedNormal:
        """The wrapped normal, of batch shape ()."""
        return WrappedNormal(self.centre, self.scale, self.curvature)

    @torch.no_grad()
    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` points; the temperature multiplies their distances from the origin."""
        p = self.forward()
        return p.around(temperature * p.noise((n,)))


class IndependentGammaPrior(Prior):
    """Independent gamma distributions, the same for every condition.

    Args:
        latent: D, dimensions of z.
        concentration: the shape.
        rate: the inverse scale.
    """

    concentration: Tensor
    rate: Tensor

    def __init__(self, latent: int, concentration: float, rate: float) -> None:
        super().__init__()
        self.register_buffer("concentration", torch.full((latent,), concentration), persistent=False)
        self.register_buffer("rate", torch.full((latent,), rate), persistent=False)

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The distribution, of batch shape ()."""
        return Independent(Gamma(self.concentration, self.rate, validate_args=False), 1, validate_args=False)

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` latents; the temperature multiplies their distances from the mean, and none becomes negative."""
        return tempered_sample(self.forward(), n, temperature).clamp(min=torch.finfo(self.rate.dtype).tiny)
