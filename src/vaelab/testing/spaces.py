"""What the contract test knows of a space: a small grid with its volume, and a posterior and a prior over it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vaelab.errors import UserError
from vaelab.posteriors import GammaPosterior, Gaussian, PosteriorSpec, VonMisesFisher, WrappedNormal
from vaelab.priors import GammaPrior, PoincareNormal, PriorSpec, StandardNormal, UniformSphere
from vaelab.sizes import EUCLIDEAN, POSITIVE, SPHERE, Space, poincare_ball
from vaelab.spec import Spec

_POINTS = 20_001
_REACH = 60.0


class Grid(NamedTuple):
    """Points over which a density is integrated."""

    points: Tensor
    """(N, D), D the fewest dimensions that the space has."""
    volume: Tensor
    """Of the cell of each point, (N,)."""

    @property
    def latent(self) -> int:
        """D."""
        return self.points.shape[1]

    def integral(self, log_density: Callable[[Tensor], Tensor]) -> float:
        """The sum of density times volume, of `log_density` from points (N, D) in float32 to (N,)."""
        with torch.no_grad():
            density = log_density(self.points.float()).double().exp()
        return round(float((torch.where(density.isfinite(), density, 0.0) * self.volume).sum()), 6)


@dataclass(frozen=True)
class Known:
    """A space that densities can be tested on."""

    grid: Grid
    posterior: PosteriorSpec
    prior: PriorSpec


def known(space: Space, spec: Spec) -> Known:
    """What is known of the space of a prior or a posterior.

    Raises:
        UserError: nothing is.
    """
    line = torch.linspace(-_REACH, _REACH, _POINTS, dtype=torch.float64)
    step = line.diff()[0].expand(_POINTS)
    if space == EUCLIDEAN:
        return Known(Grid(line[:, None], step), Gaussian(), StandardNormal())
    if space == SPHERE:
        angle = torch.linspace(0, 2 * math.pi, _POINTS, dtype=torch.float64)[1:]
        circle = torch.stack([angle.cos(), angle.sin()], 1)
        return Known(Grid(circle, angle.diff()[:1].expand(len(angle))), VonMisesFisher(), UniformSphere())
    if space == POSITIVE:
        # z = exp(s), for densities that are infinite at zero.
        z = torch.linspace(-80, 8, _POINTS, dtype=torch.float64).exp()
        return Known(Grid(z[:, None], z * 88 / (_POINTS - 1)), GammaPosterior(), GammaPrior())
    curvature = -space.curvature
    if curvature > 0 and space == poincare_ball(curvature):
        # In one dimension the hyperbolic volume is the distance from the origin.
        root = curvature**0.5
        z = (root * line / 2).tanh() / root
        return Known(Grid(z[:, None], step), WrappedNormal(curvature), PoincareNormal(curvature))
    raise UserError(
        f"{type(spec).__name__}: lies in {space}, of which the check knows no volume; check a whole model over it, "
        "such as VAE(posterior=..., prior=...)"
    )
