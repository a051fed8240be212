"""The Riemannian Hamiltonian VAE: matrix fields, volume, reversal, and its bound beside exact log p(x)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import vaelab as vl
from vaelab.distributions.hamiltonian import (
    Euclidean,
    Potential,
    hamiltonian_log_weight,
    quadratic_tempering,
    trajectory,
)
from vaelab.distributions.metric import MatrixField
from vaelab.distributions.riemannian import Riemannian, fixed_point
from vaelab.metrics.evidence import Joint, exact_evidence
from vaelab.models.vae import VAEModel
from vaelab.schedules import Progress

from .gradients import check_gradients

START = Progress(epoch=1, step=0, steps=1, epochs=1, n_images=5)
STEP = torch.tensor([0.2, 0.1], dtype=torch.float64)


def field(full: bool = False, dimensions: int = 2) -> MatrixField:
    """Four centroids and a floor."""
    torch.manual_seed(0)
    factors = torch.randn(4, dimensions, dimensions, dtype=torch.float64).tril()
    floor = 0.3 * torch.eye(dimensions, dtype=torch.float64)
    whitening = torch.rand(5, dimensions, dtype=torch.float64) + 0.3
    whitening[-1] = 0
    return MatrixField(
        torch.randn(5, dimensions, dtype=torch.float64),
        torch.cat([factors @ factors.mT, floor[None]]),
        torch.diag_embed(whitening) + 0.2 * factors[:1].tril(-1) if full else whitening,
    )


def curved(z: Tensor) -> Tensor:
    """The gradient of a log density that is far from normal."""
    return torch.stack([-z[..., 0] - z[..., 1].sin() ** 2, -(z[..., 1] ** 3) - z[..., 0] * (2 * z[..., 1]).sin()], -1)


@pytest.mark.parametrize("full", [False, True])
def test_a_field_is_its_sum_and_its_slopes_are_those_of_autograd(full: bool) -> None:
    known = field(full, dimensions=3)
    whitening = known.whitening if full else torch.diag_embed(known.whitening)
    z = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    total: Any = 0
    for centroid, matrix, white in zip(known.centroids, known.matrices, whitening, strict=True):
        distance = ((z - centroid) @ white).square().sum(-1)
        total = total + (-distance).exp()[..., None, None] * matrix
    here = known.at(z)
    assert_close(here.matrix, total)
    assert_close(here.half_log_det, total.logdet() / 2)
    assert_close(here.factor @ here.factor.mT, total)
    assert_close(here.inverse @ total, torch.eye(3, dtype=torch.float64).expand(2, 3, 3, 3))
    (slope,) = torch.autograd.grad(total.logdet().sum() / 2, z)
    assert_close(here.slope(here.inverse / 2), slope)


def test_the_volume_element_does_not_underflow_far_away() -> None:
    alone = MatrixField(torch.zeros(1, 2), 4 * torch.eye(2)[None], torch.ones(1, 2))
    assert_close(alone.at(torch.tensor([30.0, 0.0])).half_log_det, torch.tensor(4.0).log() - 900)


def test_momenta_have_the_metric_as_their_covariance() -> None:
    kinetic = Riemannian(field())
    z = torch.tensor([[0.3, -0.5]], dtype=torch.float64)
    drawn = kinetic.draw(z.expand(20_000, 1, 2))[:, 0]
    covariance = kinetic.inverse_metric.at(z).inverse[0]
    assert_close(drawn.T.cov(), covariance, rtol=0.05, atol=0.05)
    known = torch.distributions.MultivariateNormal(torch.zeros(2).double(), covariance)
    assert_close(kinetic.log_prob(drawn[:5, None], z.expand(5, 1, 2))[:, 0], known.log_prob(drawn[:5]))


def test_steps_and_cooling_together_preserve_volume() -> None:
    factors, kinetic = quadratic_tempering(torch.tensor(0.3, dtype=torch.float64), 3), Riemannian(field())

    def end(both: Tensor) -> Tensor:
        return torch.cat(trajectory(curved, kinetic, both[None, :2], both[None, 2:], STEP, factors), 1)[0]

    torch.manual_seed(1)
    for start in torch.randn(4, 4, dtype=torch.float64):
        jacobian = torch.autograd.functional.jacobian(end, start)
        assert abs(jacobian.det()) == pytest.approx(1, rel=1e-7)
        assert not torch.allclose(jacobian, torch.eye(4, dtype=torch.float64), atol=0.1)


@pytest.mark.parametrize("size", [1.0, 6.0])
def test_a_step_returns_when_the_momentum_is_reversed(size: float) -> None:
    """Of large steps many are refused; those then stay where they are, so that the map remains a bijection."""
    torch.manual_seed(0)
    kinetic, step = Riemannian(field()), size * STEP
    z = torch.randn(40, 2, dtype=torch.float64)
    momentum = kinetic.draw(z)
    end, last = kinetic.step(curved, z, momentum, step)
    back, first = kinetic.step(curved, end, -last, step)
    moved = (end != z).any(-1)
    assert moved.any()
    assert bool(moved.all()) == (size == 1)
    assert_close(back, z, rtol=0, atol=1e-6)
    assert_close(-first, momentum, rtol=0, atol=1e-6)
    assert torch.equal(last[~moved], -momentum[~moved])


def test_a_fixed_point_that_runs_away_is_not_found_and_leaves_gradients_finite() -> None:
    slope = torch.tensor([[0.5], [3.0]], requires_grad=True)
    value, found = fixed_point(lambda x: 1 + slope * x, torch.zeros(2, 1))
    assert found.tolist() == [True, False]
    assert_close(value[:, 0].detach(), torch.tensor([2.0, 0.0]), rtol=0, atol=1e-4)
    value.sum().backward()
    assert slope.grad is not None
    assert slope.grad.isfinite().all()


def test_under_the_identity_it_is_the_leapfrog() -> None:
    identity = MatrixField(torch.zeros(1, 2).double(), torch.eye(2)[None].double(), torch.zeros(1, 2).double())
    torch.manual_seed(0)
    z, momentum = torch.randn(2, 5, 2, dtype=torch.float64)
    factors = quadratic_tempering(torch.tensor(0.3, dtype=torch.float64), 3)
    ends = [trajectory(curved, k, z, momentum, STEP, factors) for k in (Euclidean(), Riemannian(identity))]
    assert_close(ends[1], ends[0])
    both = momentum[None], z[None]
    assert_close(Riemannian(identity).log_prob(*both), Euclidean().log_prob(*both))


def pca() -> VAEModel:
    """Probabilistic PCA with an encoder of random weights, so that its posteriors are far off."""
    torch.manual_seed(1)
    parts = vl.VAE(latent=2, network=vl.Mlp(hidden=()), likelihood=vl.GaussianPixels(sigma=0.5))
    return parts.build(vl.ImageFormat(1, 3, 4)).double().eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 0.7


def loss_of(model: VAEModel, **settings: Any) -> Any:
    torch.manual_seed(4)
    built: Any = vl.RiemannianHamiltonian(hidden=8, **settings).build_for(2, model.format)
    return built.double()


@torch.no_grad()
def test_the_weights_have_p_of_x_as_their_mean_and_their_logarithm_lies_below(x: Tensor) -> None:
    """Volume, momenta and their normalisers are accounted for: an error of any moves log p(x)."""
    model = pca()
    log_p, joint = exact_evidence(model, x).log_p, Joint(model, x)
    kinetic = loss_of(model, temperature=0.5, centroids=0).kinetic(model(x))
    torch.manual_seed(5)
    z = joint.posterior.sample((2000,))
    step, factors = torch.tensor(0.15).double(), quadratic_tempering(torch.tensor(0.5).double(), 3)
    potential = Potential(joint.log_prob, through=False)
    found = hamiltonian_log_weight(potential, kinetic, z, joint.posterior.log_prob(z), step, factors)
    plain = joint.log_prob(z) - joint.posterior.log_prob(z)
    assert plain.mean() + 0.1 < found.mean() < log_p.mean()
    weight = (found - log_p).exp()
    assert ((weight.mean(0) - 1).abs() < 4 * weight.std(0) / 2000**0.5).all()


def test_with_a_constant_metric_the_loss_is_that_of_the_hamiltonian_vae(x: Tensor) -> None:
    model = pca()
    settings: Any = {"steps": 3, "step_size": 0.1, "tempering": 0.4, "samples": 2}
    riemannian = loss_of(model, floor=1.0, temperature=1e-3, **settings)
    euclidean: Any = vl.Hamiltonian(**settings).build(2)
    losses = []
    for objective in (euclidean.double(), riemannian):
        torch.manual_seed(3)
        # Every centroid is far from every draw, in units of so short a reach.
        losses.append(objective(model(x, None, 2), START))
    assert_close(losses[1], losses[0])


def test_its_gradient_matches_finite_differences(x: Tensor) -> None:
    """Through all fixed points: of the model, of the metric's network, of step sizes and tempering."""
    model = pca()
    objective = loss_of(model, steps=2, step_size=0.05, tempering=0.4, centroids=0)

    def value() -> Tensor:
        torch.manual_seed(3)
        found: Tensor = objective(model(x), START)
        return found

    check_gradients(value, [*model.parameters(), *objective.parameters()], h=1e-5)


def test_the_metric_remembers_the_latest_images(x: Tensor) -> None:
    model = pca()
    objective = loss_of(model, steps=1, centroids=7)
    objective(model(x), START)
    assert_close(objective.remembered[:5], model.posterior_of(x).mean.detach())
    assert_close(objective.factors_of_remembered[:5], objective.factor(x).detach())
    assert not objective.factors_of_remembered[5:].any()
    later = x[:3] + 1
    objective(model(later), START)
    means = torch.cat([model.posterior_of(later).mean, model.posterior_of(x).mean])
    assert_close(objective.remembered, means[:7].detach())


def test_it_trains_a_model_and_resumes(tmp_path: Any) -> None:
    settings: Any = {"data": "digits", "network": vl.Mlp(hidden=(16,)), "epochs": 1}
    objective = vl.RiemannianHamiltonian(steps=1, centroids=50, hidden=16)
    run = vl.train(vl.preset("vae", objective=objective, **settings), tmp_path / "run", show=False)
    assert not [name for name in run.model.state_dict() if "remembered" in name]
    assert vl.resume(tmp_path / "run", epochs=2, show=False).rows[-1]["epoch"] == 2


def test_what_has_no_mean_is_refused() -> None:
    with pytest.raises(vl.UserError, match="objective is RiemannianHamiltonian, which needs a posterior whose mean"):
        vl.Experiment(model=vl.VAE(posterior=vl.FlowPosterior()), objective=vl.RiemannianHamiltonian()).check(
            vl.ImageFormat(1, 8, 8)
        )
    with pytest.raises(TypeError, match="call build_for"):
        vl.RiemannianHamiltonian().build(2)
