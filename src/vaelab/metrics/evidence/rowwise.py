"""The exact evidence of each row by itself: the same number whatever the other rows are, and in whatever order."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.metrics.densities import log_prob_of, sample_of
from vaelab.metrics.evidence.exact import exact_evidence
from vaelab.metrics.images import eval_mode, seeded
from vaelab.metrics.support import refuse_cross_entropy, refuse_estimated_prior, refuse_without_density
from vaelab.models.model import Model
from vaelab.models.vae import VAEModel

# Points per axis of the grids that are tried in turn; odd, so that every second point is a grid with the same ends.
_GRIDS = (97, 193, 385)
# Largest step, in standard deviations of the true posterior, at which the rule is trusted, as in `exact_evidence`.
_STEPS = 1.6
_DRAWS = 4096
# Pairs of a point and a row that are scored at once.
_PAIRS = 10_000_000


@torch.no_grad()
def rowwise_evidence(
    model: Model, x: Float[Tensor, "N ..."], y: Tensor | None = None, tolerance: float = 0.01
) -> Float[Tensor, " N"]:
    r"""log p(x) of each row by the trapezoidal rule over one or two latent dimensions, nats, (N,).

        log p(x) = log \int p(x | z) p(z) dz

    `exact_evidence` refines one lattice for all rows together, so that a number depends on the other rows in its last
    digits. Here every row is integrated over the same grids, 97, 193 and 385 points per axis across the range of the
    prior, until leaving out every second point changes log p(x) by at most `tolerance` and the step is below 1.6
    standard deviations of the true posterior; a row that needs a finer one is given to `exact_evidence` by itself.

    Args:
        model: one latent of at most two real numbers.
        x: rows or images.
        y: labels or attributes, for a conditional model.
        tolerance: nats.

    Raises:
        UserError: as `exact_evidence`.
    """
    refuse_cross_entropy(model, x)
    vae = refuse_without_density(model)
    refuse_estimated_prior(model)
    found = torch.full((len(x),), math.nan, dtype=torch.float64)
    with eval_mode(vae):
        groups = [(None, torch.arange(len(x)))] if y is None or not vae.spec.conditional else _groups(y)
        for condition, rows in groups:
            found[rows] = _of_one_condition(vae, x[rows], condition, tolerance)
    return found


def _groups(y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each distinct condition, (1,) or (1, A), with its rows."""
    distinct, which = y.unique(dim=0, return_inverse=True)
    return [(condition[None], (which == number).nonzero()[:, 0]) for number, condition in enumerate(distinct)]


def _of_one_condition(model: VAEModel, x: Tensor, condition: Tensor | None, tolerance: float) -> Tensor:
    found = torch.full((len(x),), math.nan, dtype=torch.float64)
    left = torch.arange(len(x))
    for points in _GRIDS:
        if len(left):
            log_p, converged = _on_grid(model, x[left], condition, points, tolerance)
            found[left[converged]] = log_p[converged]
            left = left[~converged]
    for row in left.tolist():
        one = None if condition is None else condition
        found[row] = float(exact_evidence(model, x[row : row + 1], one, tolerance=tolerance).log_p)
    return found


def _on_grid(
    model: VAEModel, x: Tensor, condition: Tensor | None, points: int, tolerance: float
) -> tuple[Float[Tensor, " N"], Tensor]:
    """log p(x) on a grid, and whether it has converged."""
    prior = model.prior_of(condition, 1)
    with seeded(model.device, 0):
        draws = sample_of(prior, (_DRAWS,), "model.prior").flatten(0, -2)
    low, high = draws.amin(0), draws.amax(0)
    # Half as wide again as the prior's draws.
    centre, reach = (low + high) / 2, 0.75 * (high - low)
    line = torch.linspace(-1, 1, points, dtype=draws.dtype, device=draws.device)
    axes = [middle + extent * line for middle, extent in zip(centre, reach, strict=True)]
    z = torch.cartesian_prod(*axes).reshape(-1, len(axes))
    step = 2 * reach / (points - 1)
    even = torch.arange(points, device=z.device) % 2 == 0
    half = torch.stack(torch.meshgrid(*[even] * len(axes), indexing="ij"), -1).flatten(0, -2).all(-1)
    p = model.decode(z, None if condition is None else condition.expand(len(z), *condition.shape[1:]))
    log_prior = log_prob_of(prior, z[:, None], "model.prior")
    parts = [
        _integral(model.likelihood.pairwise_log_prob(p, rows) + log_prior, z, step, half)
        for rows in x.to(model.device, z.dtype).split(max(1, _PAIRS // len(z)))
    ]
    log_p, coarse, narrowest = (torch.cat(each).cpu() for each in zip(*parts, strict=True))
    converged = ((log_p - coarse).abs() <= tolerance) & (narrowest * _STEPS >= float(step.max()))
    return log_p, converged


def _integral(log_joint: Tensor, z: Tensor, step: Tensor, half: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x) on the grid and on half of its points, and the least standard deviation of the true posterior."""
    log_joint = log_joint.double()
    log_sum = log_joint.logsumexp(0)
    coarse = log_joint[half].logsumexp(0) + len(step) * math.log(2)
    weight = (log_joint - log_sum).exp()
    mean = weight.T @ z.double()
    seconds = weight.T @ (z[:, :, None] * z[:, None, :]).flatten(1).double()
    covariance = seconds.unflatten(1, (len(step), len(step))) - mean[:, :, None] * mean[:, None, :]
    narrowest = torch.linalg.eigvalsh(covariance)[:, 0].clamp(min=0).sqrt()
    log_cell = float(step.double().log().sum())
    return log_sum + log_cell, coarse + log_cell, narrowest
