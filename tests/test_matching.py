"""Objectives that match the aggregate posterior with the prior, against closed forms and other algorithms."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vaelab import Adversarial, InverseMultiquadratic, Rbf, SlicedWasserstein, Wae
from vaelab.objectives.mmd import unbiased_squared_mmd
from vaelab.objectives.sliced import squared_sliced_wasserstein

from .test_objectives import PROGRESS, close, learnable, normal, random_posterior, trace_of


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


# ---- Wasserstein autoencoder ----


def double(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_kernels_by_hand() -> None:
    """In 3 dimensions, the unit of scale is 6."""
    squared = double(0.0, 6.0, 12.0)
    close(Rbf(scales=(1.0,))(squared, 3), double(1.0, math.exp(-1), math.exp(-2)))
    close(Rbf(scales=(0.5, 2.0))(squared, 3)[1], double(math.exp(-2) + math.exp(-0.5))[0])
    close(InverseMultiquadratic(scales=(1.0,))(squared, 3), double(1.0, 1 / 2, 1 / 3))
    # C / (C + d) with C = 3 and 12.
    close(InverseMultiquadratic(scales=(0.5, 2.0))(squared, 3)[1], double(3 / 9 + 12 / 18)[0])


def test_the_discrepancy_of_two_points_is_exact() -> None:
    """Points 0 and 1 against 0 and 2 on a line: k(0, 1) + k(0, 2) - 2 [k(0) + k(2) + k(1) + k(1)] / 4."""
    a, b, kernel = double([0.0], [1.0]), double([0.0], [2.0]), InverseMultiquadratic(scales=(0.5,))
    k = {distance: 1 / (1 + distance**2) for distance in (0, 1, 2)}
    expected = k[1] + k[2] - (k[0] + k[2] + 2 * k[1]) / 2
    close(unbiased_squared_mmd(a, b, kernel), double(expected)[0])
    # A single point of each has no pairs.
    close(unbiased_squared_mmd(a[1:], b[1:], kernel), double(-2 * k[1])[0])


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_the_discrepancy_is_unbiased_in_small_batches(shift: float) -> None:
    """For normals and radial basis functions it is known: E k = (C / (C + 2 v))^(D/2) exp(-|m|^2 / (C + 2 v))."""

    def expected_kernel(v: float, m: float) -> float:
        c = 4.0  # 2 D, D = 2
        return c / (c + 2 * v) * math.exp(-2 * m**2 / (c + 2 * v))

    repeats, points = 20_000, 4
    a = torch.randn(repeats, points, 2, dtype=torch.float64) + shift
    b = (1.0 if shift == 0 else 0.5) * torch.randn(repeats, points, 2, dtype=torch.float64)
    var = 1.0 if shift == 0 else 0.25
    estimates = unbiased_squared_mmd(a, b, Rbf(scales=(1.0,)))
    assert estimates.shape == (repeats,)
    exact = expected_kernel(2.0, 0) + expected_kernel(2 * var, 0) - 2 * expected_kernel(1 + var, shift)
    exact = exact if shift else 0.0
    error = float(estimates.std()) / math.sqrt(repeats)
    assert float(estimates.mean()) == pytest.approx(exact, abs=4 * error)
    assert error < 0.003
    # The estimate that counts each point with itself is too large by far.
    own = (2 * 1.0 - expected_kernel(2.0, 0) - expected_kernel(2 * var, 0)) / points
    assert own > 20 * error


def test_wae_adds_the_mean_discrepancy_of_its_draws() -> None:
    """Draws of one image are not independent draws of the aggregate posterior, so each draw has its own estimate."""
    trace, p = trace_of(random_posterior(5), 3), normal([0.0, 0.0], 1.0)
    kernel = Rbf(scales=(0.5, 1.0))
    torch.manual_seed(7)
    loss = Wae(kernel, weight=12.0)(trace, PROGRESS)
    torch.manual_seed(7)
    drawn = p.expand((5,)).sample((3,))
    each = [unbiased_squared_mmd(a, b, kernel) for a, b in zip(trace.latents[0].code, drawn, strict=True)]
    close(loss, trace.reconstruction.mean() + 12 * sum(each) / 3)


# ---- Sliced Wasserstein autoencoder ----


def test_the_sliced_distance_on_a_line_is_that_of_the_best_assignment() -> None:
    a, b = torch.randn(9, 1, dtype=torch.float64), torch.randn(9, 1, dtype=torch.float64) * 2 + 1
    cost = (a - b.T).square().numpy()
    best = cost[linear_sum_assignment(cost)].mean()
    assert squared_sliced_wasserstein(a, b, 4).item() == pytest.approx(best, abs=1e-12)


def test_the_sliced_distance_of_a_shift_is_its_square_per_dimension() -> None:
    """Projections of a shift t on uniform directions have the mean square |t|^2 / D."""
    a, shift = torch.randn(10, 3, dtype=torch.float64), double(1.0, -2.0, 0.5)
    found = squared_sliced_wasserstein(a, (a + shift)[torch.randperm(10)], 40_000).item()
    assert found == pytest.approx(5.25 / 3, rel=0.02)


def test_sliced_wasserstein_weighs_the_distance_to_draws_of_the_prior() -> None:
    trace, p = trace_of(random_posterior(5), 3), normal([0.0, 0.0], 1.0)
    torch.manual_seed(7)
    loss = SlicedWasserstein(projections=6, weight=12.0)(trace, PROGRESS)
    torch.manual_seed(7)
    drawn = p.expand((5,)).sample((3,)).reshape(15, 2)
    distance = squared_sliced_wasserstein(trace.latents[0].code.reshape(15, 2), drawn, 6)
    close(loss, trace.reconstruction.mean() + 12 * distance)


@pytest.mark.parametrize("objective", [Wae(Rbf(scales=(1.0,))), SlicedWasserstein(8)])
def test_a_prior_with_weights_moves_to_the_latents(objective: Any) -> None:
    """Without a KL term, a normal prior learns from its draws alone."""
    mean = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    log_scale = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([mean, log_scale], 0.15)
    q = normal(double(1.5, -1.0) + 0.5 * torch.randn(64, 2), 0.1)
    for _ in range(50):
        optimiser.zero_grad()
        objective(trace_of(q, 2, normal(mean, log_scale.exp())), PROGRESS).backward()
        optimiser.step()
    close(mean.detach(), q.mean.mean(0), atol=0.2)
    close(log_scale.exp().detach(), torch.full((2,), 0.5, dtype=torch.float64), atol=0.2)


# ---- Adversarial autoencoder ----


def adversarial(**settings: Any) -> Any:
    loss: Any = Adversarial(**{"hidden": (6,)} | settings).build(2)
    return loss.double()


def test_an_undecided_discriminator_has_log_four() -> None:
    """D = 1/2 everywhere: reconstruction + weight log 2 + log 4."""
    trace, loss_of = trace_of(random_posterior(), 3), adversarial(weight=7.0)
    for weight in loss_of.discriminator[-1].parameters():
        torch.nn.init.zeros_(weight)
    close(loss_of(trace, PROGRESS), trace.reconstruction.mean() + 7 * math.log(2) + math.log(4))


def test_neither_side_of_the_adversary_learns_from_the_others_loss() -> None:
    """Encoder and prior follow - weight (E log D(z) + E log(1 - D(prior))), the discriminator its cross-entropy."""
    mean, scale = learnable(8, 2)
    prior_mean = double(0.3, -0.4).requires_grad_()
    loss_of = adversarial(weight=7.0)
    weights = list(loss_of.discriminator.parameters())
    p = normal(prior_mean, 1.2)
    trace = trace_of(normal(mean, scale), 3, p)
    z = trace.latents[0].code.reshape(24, 2)
    torch.manual_seed(5)
    loss = loss_of(trace, PROGRESS)
    torch.manual_seed(5)
    drawn = p.expand((8,)).rsample((3,)).reshape(24, 2)
    of_model = torch.autograd.grad(loss, (mean, scale, prior_mean), retain_graph=True)
    of_discriminator = torch.autograd.grad(loss, weights)

    as_real, as_fake = (loss_of.discriminator(points).sigmoid() for points in (z, drawn))
    fooled = trace.reconstruction.mean() - 7 * (as_real.log().mean() + (1 - as_fake).log().mean())
    entropy = -(as_fake.log().mean() + (1 - as_real).log().mean())
    close(loss, fooled + entropy)
    close(of_model, torch.autograd.grad(fooled, (mean, scale, prior_mean), retain_graph=True))
    close(of_discriminator, torch.autograd.grad(entropy, weights))


def test_a_trained_discriminator_has_the_log_ratio_of_prior_and_posterior() -> None:
    """N(0, 1) against N(1, 1): the logit of D converges to 1/2 - z."""
    loss_of: Any = Adversarial(hidden=(32,)).build(1)
    optimiser = torch.optim.Adam(loss_of.parameters(), 0.01)
    loss_of.double()
    with torch.no_grad():
        trace = trace_of(normal(torch.zeros(400, 1), 1.0))
    for _ in range(250):
        optimiser.zero_grad()
        code = torch.randn(1, 400, 1, dtype=torch.float64) + 1
        loss_of(replace(trace, latents=(replace(trace.latents[0], code=code),)), PROGRESS).backward()
        optimiser.step()
    points = torch.linspace(-1, 2, 13, dtype=torch.float64)[:, None]
    close(loss_of.discriminator(points).detach(), 0.5 - points, atol=0.3)
