"""The diffusion prior: its flow and its bound against distributions whose scores are known."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily
from torch.nn.functional import one_hot
from torch.testing import assert_close

import vaelab as vl
from vaelab.distributions import diagonal_normal
from vaelab.distributions.flow import FlowDistribution
from vaelab.distributions.ode import OdeTransform, integrate, velocity_and_divergence
from vaelab.priors.diffusion import DenoisingBound
from vaelab.sizes import PriorSizes

Mixture = tuple[Tensor, Tensor, Tensor]
"""Weights (K,), means (K, D) and deviations (K, D)."""
LINE: Mixture = (
    torch.tensor([0.3, 0.7], dtype=torch.float64),
    torch.tensor([[-1.5], [1.0]], dtype=torch.float64),
    torch.tensor([[0.2], [0.5]], dtype=torch.float64),
)
PLANE: Mixture = (
    torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64),
    torch.tensor([[-1.0, 0.5], [1.0, 1.0], [0.0, -1.5]], dtype=torch.float64),
    torch.tensor([[0.3, 0.6], [0.5, 0.25], [0.7, 0.3]], dtype=torch.float64),
)
NORMAL: Mixture = (
    torch.ones(1, dtype=torch.float64),
    torch.tensor([[0.5, -1.0]], dtype=torch.float64),
    torch.tensor([[0.4, 2.0]], dtype=torch.float64),
)


def density(mixture: Mixture, signal: Any = 1.0, noise: Any = 0.0) -> Distribution:
    """The mixture, or that of signal z + noise e."""
    weights, means, scales = mixture
    spread = ((signal * scales).square() + noise**2).sqrt() if isinstance(noise, float) else None
    if spread is None:
        means, spread = (
            signal[..., None] * means,
            ((signal[..., None] * scales).square() + noise[..., None] ** 2).sqrt(),
        )
        weights = weights.expand(means.shape[:-1])
        return MixtureSameFamily(Categorical(weights), diagonal_normal(means, spread))
    return MixtureSameFamily(Categorical(weights), diagonal_normal(signal * means, spread))


def true_residual(mixture: Mixture) -> Any:
    """f = -(z + score) / cos t, with the score of the diffused mixture, written out by hand."""
    weights, means, scales = mixture

    def f(z: Tensor, angle: Tensor) -> Tensor:
        signal, noise = angle.cos().clamp(min=1e-6)[..., None], angle.sin()[..., None]
        variance = (signal * scales).square() + noise.square()
        apart = z[..., None, :] - signal * means
        exponents = weights.log() - (apart.square() / variance + variance.log()).sum(-1) / 2
        share = exponents.softmax(-1)[..., None]
        score = -(share * apart / variance).sum(-2)
        return -(z + score) / signal[..., 0]

    return f


def flow(residual: Any, dimensions: int, steps: int = 40) -> FlowDistribution:
    """The probability flow of `DiffusionPrior`, with another network."""
    prior: Any = vl.Diffusion(steps=steps).build(PriorSizes((1, 4, 4), dimensions, 0, None)).double().eval()
    prior._residual = lambda c: residual
    return prior()


@pytest.mark.parametrize("mixture", [LINE, PLANE, NORMAL], ids=["line", "plane", "normal"])
def test_the_flow_of_a_known_score_has_the_density_of_its_distribution(mixture: Mixture) -> None:
    """Also far out, where the density is e^-10; in the linear case, a normal distribution, as elsewhere."""
    dimensions, known = mixture[1].shape[1], density(mixture)
    torch.manual_seed(0)
    z = torch.cat([known.sample((30,)), 1.5 * torch.randn(10, dimensions, dtype=torch.float64)])
    expected = known.log_prob(z)
    assert expected.min() < -10
    p = flow(true_residual(mixture), dimensions, 40)
    assert_close(p.log_prob(z), expected, atol=1e-3, rtol=5e-4)
    # The error falls with the fourth power of the step.
    errors = [
        (flow(true_residual(mixture), dimensions, n).log_prob(z[:30]) - expected[:30]).abs().mean() for n in (8, 16)
    ]
    assert errors[1] < errors[0] / 10
    # A draw and its way back.
    normal = torch.randn(50, dimensions, dtype=torch.float64)
    assert_close(p.transform(p.transform.inv(normal)), normal, atol=1e-4, rtol=0)


def test_a_linear_equation_has_its_closed_form() -> None:
    """dz/dt = A z: the end is exp(A) z and the log determinant the trace of A."""
    torch.manual_seed(0)
    a = torch.randn(3, 3, dtype=torch.float64)
    transform = OdeTransform(lambda z, t: z @ a.T, torch.linspace(0, 1, 40).tolist())
    z = torch.randn(5, 3, dtype=torch.float64)
    end, log_det = transform.call_and_ladj(z)
    assert_close(end, z @ torch.linalg.matrix_exp(a).T, atol=1e-6, rtol=0)
    assert_close(log_det, a.trace().expand(5), atol=1e-6, rtol=0)
    assert_close(transform.inv(end), z, atol=1e-6, rtol=0)
    assert_close(integrate(torch.full_like, z[:1], [0.0, 2.0])[0], z[0] + 2)


@pytest.mark.parametrize("conditional", [False, True])
def test_the_divergence_is_the_trace_of_the_jacobian(conditional: bool) -> None:
    torch.manual_seed(0)
    prior: Any = vl.Diffusion(hidden=(8,)).build(PriorSizes((1, 4, 4), 3, 2 * conditional, None)).double()
    z = torch.randn(4, 2, 3, dtype=torch.float64)
    residual = prior._residual(one_hot(torch.arange(2)).double() if conditional else None)

    def velocity(z: Tensor, t: float) -> Tensor:
        slope: Tensor = residual(z, torch.full_like(z[..., :1], t))
        return slope

    v, divergence = velocity_and_divergence(velocity, z, 0.4)
    assert_close(v, velocity(z, 0.4))
    jacobian = torch.autograd.functional.jacobian(partial(velocity, t=0.4), z)
    trace = torch.stack([jacobian[i, j, :, i, j].trace() for i in range(4) for j in range(2)]).view(4, 2)
    assert_close(divergence, trace)


def bounds(mixture: Mixture, factor: float, z: Tensor, draws: int) -> Tensor:
    """Estimates of the bound with the true residual times a factor, (draws, N)."""
    residual = true_residual(mixture)
    p = flow(residual, z.shape[-1])
    estimate = DenoisingBound(p.transform, p.base, lambda z, t: factor * residual(z, t))
    torch.manual_seed(1)
    return estimate.log_prob(z.expand(draws, *z.shape))


@pytest.mark.parametrize("mixture", [LINE, PLANE, NORMAL], ids=["line", "plane", "normal"])
def test_the_bound_is_tight_point_by_point_for_the_true_score(mixture: Mixture) -> None:
    known = density(mixture)
    torch.manual_seed(0)
    z = known.sample((12,))
    estimates = bounds(mixture, 1.0, z, 20_000)
    error = estimates.std(0) / math.sqrt(len(estimates))
    assert error.max() < 0.05
    assert ((estimates.mean(0) - known.log_prob(z)).abs() < 4.5 * error + 1e-3).all()


def test_the_bound_is_lower_for_other_scores_and_normal_for_none() -> None:
    known = density(PLANE)
    torch.manual_seed(0)
    z = known.sample((4000,))
    truth = known.log_prob(z).mean()
    means = {factor: bounds(PLANE, factor, z, 8).mean() for factor in (0.0, 0.5, 1.0, 1.5)}
    assert means[1.0] == pytest.approx(float(truth), abs=0.03)
    # The loss is a parabola in the factor, whose top is the true score.
    assert means[0.0] < means[0.5] - 0.1 < means[1.0] - 0.2
    assert means[1.5] == pytest.approx(float(means[0.5]), abs=0.1)
    normal = diagonal_normal(torch.zeros(2).double(), torch.ones(2).double())
    assert_close(bounds(PLANE, 0.0, z, 1)[0], normal.log_prob(z))


def test_a_trained_diffusion_has_the_density_of_its_data() -> None:
    """Trained by the bound and evaluated by the flow, in the units of the data."""
    torch.manual_seed(0)
    known = density(PLANE)
    data = (3 * known.sample((4000,)) + 5).float()
    prior: Any = vl.Diffusion(hidden=(64, 64), steps=12).build(PriorSizes((1, 4, 4), 2, 0, None))
    prior.fit(data, None)
    optimiser = torch.optim.Adam(prior.parameters(), 1e-2)
    for step in range(300):
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 - step / 300)
        optimiser.zero_grad()
        (-prior.train()().log_prob(data[torch.randint(4000, (256,))]).mean()).backward()
        optimiser.step()
    test = known.sample((500,))
    z, truth = (3 * test + 5).float(), (known.log_prob(test) - 2 * math.log(3)).float()
    with torch.no_grad():
        exact = prior.eval()().log_prob(z)
        bound = prior.train()().log_prob(z.expand(20, -1, -1)).mean()
    assert exact.mean() > truth.mean() - 0.25
    assert (exact - truth).abs().mean() < 0.5
    assert exact.mean() - 0.5 < bound < exact.mean() + 0.1


def test_log_prob_is_a_bound_in_training_and_a_density_in_evaluation() -> None:
    torch.manual_seed(0)
    model: Any = vl.VAE(prior=vl.Diffusion(hidden=(8,), steps=5), network=vl.Mlp(hidden=(8,)))
    model = model.build(vl.ImageFormat(1, 4, 4))
    z = torch.randn(6, 2)
    p = model.train().prior()
    assert isinstance(p, DenoisingBound)
    assert not torch.equal(p.log_prob(z), p.log_prob(z))
    p = model.eval().prior()
    assert not isinstance(p, DenoisingBound)
    assert torch.equal(p.log_prob(z), p.log_prob(z))


@pytest.mark.parametrize("objective", [vl.Iwae(), vl.Dreg()], ids=["iwae", "dreg"])
def test_a_bound_makes_no_importance_weights(objective: Any) -> None:
    experiment = vl.Experiment(model=vl.VAE(prior=vl.Diffusion()), objective=objective)
    with pytest.raises(vl.UserError, match=r"needs a prior that gives draws importance weights in training"):
        experiment.check(vl.ImageFormat(1, 28, 28))
    vl.Experiment(model=vl.VAE(prior=vl.TwoStage()), objective=objective).check(vl.ImageFormat(1, 28, 28))
