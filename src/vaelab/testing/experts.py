"""The contract of experts: one distribution from the posteriors of views that may be missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.contract import Experts
from vaelab.distributions import diagonal_normal
from vaelab.experts import ExpertsSpec
from vaelab.models.built import built
from vaelab.testing.faults import every_parameter_learns, has_shape, integral, one, require, same_for_a_seed
from vaelab.traits import Trait

_ROWS, _DRAWS, _REACH = 4, 6, 30.0


class Views(nn.Module):
    """Normal posteriors of the views of some rows, as weights, so that gradients are seen."""

    def __init__(self, views: int, latent: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(2 * torch.randn(views, _ROWS, latent))
        self.log_scale = nn.Parameter(0.5 * torch.randn(views, _ROWS, latent))

    def forward(self) -> list[Distribution]:
        """q(z | v) of each view."""
        return [diagonal_normal(mean, scale) for mean, scale in zip(self.mean, self.log_scale.exp(), strict=True)]


def check_experts(spec: ExpertsSpec) -> list[str]:
    """Densities, draws, gradients and what happens where views are missing, for two and three views."""
    for views in (2, 3):
        for latent in (1, 3):
            experts: Any = built(spec, Experts, views, latent)
            _make_one_posterior(spec, experts, Views(views, latent), views, latent)
    return ["integrates to one", "draws follow the seed", "without a view the prior", "every parameter learns"]


def _make_one_posterior(spec: ExpertsSpec, experts: Any, given: Views, views: int, latent: int) -> None:
    prior = diagonal_normal(torch.zeros(latent), torch.ones(latent))
    # Row 0 has no view, row 1 has the first, row 2 the second, row 3 all.
    present = torch.zeros(views, _ROWS, dtype=torch.bool)
    present[0, 1] = present[1, 2] = True
    present[:, 3] = True

    def q() -> Distribution:
        made: Distribution = experts(given(), present, prior)
        return made

    require(
        isinstance(q(), Distribution), spec, f"forward returned {type(q()).__name__}, but must return a Distribution"
    )
    z = q().rsample(torch.Size((_DRAWS,)))
    has_shape(spec, "its draws", z, (_DRAWS, _ROWS, latent))
    has_shape(spec, "log q(z | views)", q().log_prob(z), (_DRAWS, _ROWS))
    has_shape(spec, "the mean of q(z | views)", q().mean, (_ROWS, latent))
    same_for_a_seed(spec, lambda: q().sample(torch.Size((_DRAWS,))), "the draws")

    def log_density(row: int) -> Callable[[Tensor], Tensor]:
        return lambda points: q().log_prob(points[:, None, None].expand(-1, _ROWS, -1))[:, row]

    if latent == 1:
        for row in range(_ROWS):
            total = integral(log_density(row), -_REACH, _REACH)
            require(one(total), spec, f"q(z | views) integrates to {total}, but must integrate to 1")
    none = q().log_prob(z)[:, 0] - prior.log_prob(z[:, 0])
    require(bool((none.abs() < 1e-4).all()), spec, "is not the prior for a row without any view")
    if Trait.gaussian_posterior in spec.traits:
        normal = diagonal_normal(q().mean, q().stddev)
        same = torch.allclose(normal.log_prob(z), q().log_prob(z), atol=1e-4)
        require(same, spec, f"claims {Trait.gaussian_posterior}, but its density is not that of the normal")
    loss = (q().log_prob(z.detach()) - prior.log_prob(z)).sum()
    (slope,) = torch.autograd.grad(loss, given.mean, retain_graph=True)
    require(not bool(slope[~present].any()), spec, "depends on views that are missing")
    every_parameter_learns(spec, [given, experts], loss)
