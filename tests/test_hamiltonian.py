"""The Hamiltonian VAE: volume, reversal, and its bound beside the ELBO and exact log p(x)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

import vaelab as vl
from vaelab.distributions.hamiltonian import Euclidean, quadratic_tempering, trajectory
from vaelab.metrics.evidence import exact_evidence
from vaelab.models.vae import VAEModel
from vaelab.objectives.hamiltonian_loss import HamiltonianLoss
from vaelab.schedules import Progress

from .gradients import check_gradients

START = Progress(epoch=1, step=0, steps=1, epochs=1, n_images=5)
STEP = torch.tensor([0.3, 0.15], dtype=torch.float64)


def pca(**parts: Any) -> VAEModel:
    """Probabilistic PCA with an encoder of random weights, so that its posteriors are far off."""
    torch.manual_seed(1)
    parts = {"network": vl.Mlp(hidden=()), "likelihood": vl.GaussianPixels(sigma=0.5)} | parts
    return vl.VAE(latent=2, **parts).build(vl.ImageFormat(1, 3, 4)).double().eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 0.7


def curved(z: Tensor) -> Tensor:
    """The gradient of a log density that is far from normal."""
    return torch.stack([-z[..., 0] - z[..., 1].sin() ** 2, -(z[..., 1] ** 3) - z[..., 0] * (2 * z[..., 1]).sin()], -1)


@pytest.mark.parametrize("beta", [1.0, 0.2])
def test_steps_and_cooling_together_preserve_volume(beta: float) -> None:
    factors = quadratic_tempering(torch.tensor(beta, dtype=torch.float64), 7)

    def end(both: Tensor) -> Tensor:
        return torch.cat(trajectory(curved, Euclidean(), both[:2], both[2:], STEP, factors))

    torch.manual_seed(0)
    for start in torch.randn(5, 4, dtype=torch.float64):
        jacobian = torch.autograd.functional.jacobian(end, start)
        assert abs(jacobian.det()) == pytest.approx(1, rel=1e-9)
        assert not torch.allclose(jacobian, torch.eye(4, dtype=torch.float64), atol=0.1)


def test_a_trajectory_without_cooling_returns_when_the_momentum_is_reversed() -> None:
    torch.manual_seed(0)
    z, momentum, none = *torch.randn(2, 50, 2, dtype=torch.float64), torch.ones(9)
    end, last = trajectory(curved, Euclidean(), z, momentum, STEP, none)
    back, first = trajectory(curved, Euclidean(), end, -last, STEP, none)
    assert (end - z).abs().mean() > 0.3
    torch.testing.assert_close(back, z)
    torch.testing.assert_close(-first, momentum)


def test_tempering_goes_from_beta_0_to_1() -> None:
    """Each root of 1 / beta_k by the formula of the paper, and their product."""
    factors = quadratic_tempering(torch.tensor(0.25), 4)
    roots = [2.0, 2 - 1 / 16, 2 - 4 / 16, 2 - 9 / 16, 1.0]
    torch.testing.assert_close(factors, torch.tensor([b / a for a, b in pairwise(roots)]))
    torch.testing.assert_close(factors.prod(), torch.tensor(0.5))


def loss(model: VAEModel, x: Tensor, seed: int = 3, **settings: Any) -> Tensor:
    objective: Any = vl.Hamiltonian(**settings).build(2)
    torch.manual_seed(seed)
    return objective.double()(model(x, None, settings.get("samples", 1)), START)


def test_without_steps_it_is_the_elbo(x: Tensor) -> None:
    model = pca()
    torch.manual_seed(3)
    sampled = -model(x, None, 4).log_weight.mean()
    torch.testing.assert_close(loss(model, x, steps=0, samples=4), sampled)
    found = vl.hamiltonian_bound(model, x, steps=0, samples=20_000).bound
    torch.testing.assert_close(found, elbo(model, x), rtol=0.01, atol=0)


def elbo(model: VAEModel, x: Tensor) -> Tensor:
    """The ELBO of probabilistic PCA in closed form."""
    q, layer = model.posterior_of(x), model.network.decoder[0]
    residual = x.flatten(1) - layer.bias - q.mean @ layer.weight.T
    spread = (q.variance[:, None] * layer.weight.square()).sum((1, 2))
    variance, pixels = 0.5**2, residual.shape[1]
    fit = (residual.square().sum(1) + spread) / variance + pixels * torch.tensor(2 * torch.pi * variance).log()
    prior = torch.distributions.Independent(torch.distributions.Normal(torch.zeros(2).double(), 1.0), 1)
    return (-fit / 2 - torch.distributions.kl_divergence(q, prior)).detach()


def test_the_weights_of_trajectories_have_p_of_x_as_their_mean(x: Tensor) -> None:
    """Volume and momenta are accounted for, also with tempering: an error of either moves log p(x)."""
    model = pca()
    log_p = exact_evidence(model, x).log_p
    for steps, beta in ((0, 1.0), (3, 1.0), (5, 0.4)):
        found = vl.hamiltonian_bound(model, x, steps=steps, samples=20_000, step_sizes=[0.2], temperings=[beta])
        torch.testing.assert_close(found.log_p, log_p, rtol=0, atol=0.1)


def test_the_bound_rises_with_steps_and_stays_below_the_evidence(x: Tensor) -> None:
    model = pca()
    log_p = exact_evidence(model, x).log_p.mean()
    none, one, three = (vl.hamiltonian_bound(model, x, steps=steps, samples=2000).mean for steps in (0, 1, 3))
    assert none + 0.5 < one < three - 0.5
    assert none + (log_p - none) / 3 < three < log_p


def test_pilots_leave_one_choice_as_it_is(x: Tensor) -> None:
    found = vl.hamiltonian_bound(pca(), x, steps=2, samples=3, step_sizes=[0.07], temperings=[0.3])
    torch.testing.assert_close(found.step_size, torch.full((5,), 0.07).double())
    torch.testing.assert_close(found.tempering, torch.full((5,), 0.3).double())
    assert found.log_weight.shape == (3, 5)
    assert found.interval.low <= found.mean <= found.interval.high


@pytest.mark.parametrize("free", [False, True])
def test_its_gradient_matches_finite_differences(x: Tensor, free: bool) -> None:
    """Through all steps: of the model, and of the step sizes and the tempering."""
    model = pca()
    objective: Any = vl.Hamiltonian(steps=3, step_size=0.1, tempering=0.4, free=free).build(2)
    objective.double()

    def value() -> Tensor:
        torch.manual_seed(3)
        found: Tensor = objective(model(x), START)
        return found

    check_gradients(value, [*model.parameters(), *objective.parameters()], h=1e-6)


def test_step_sizes_and_tempering_are_learned_and_bounded(x: Tensor) -> None:
    model = pca()
    for weight in model.parameters():
        weight.requires_grad_(False)
    objective = vl.Hamiltonian(steps=5, largest=0.2).build(2)
    assert isinstance(objective, HamiltonianLoss)
    optimiser = torch.optim.Adam(objective.double().parameters(), 0.1)
    torch.testing.assert_close(objective.step_size.detach(), torch.full((2,), 0.05).double())
    torch.testing.assert_close(objective.factors.prod().detach(), torch.tensor(0.5).double().sqrt())
    losses = []
    for seed in range(60):
        torch.manual_seed(seed)
        optimiser.zero_grad()
        value = objective(model(x, None, 50), START)
        value.backward()
        optimiser.step()
        losses.append(float(value.detach()))
    assert losses[-1] < losses[0] - 1
    assert bool(((objective.step_size > 0.05) & (objective.step_size < 0.2)).all())


def test_it_trains_a_model_and_resumes(tmp_path: Any) -> None:
    settings = {"data": "digits", "network": vl.Mlp(hidden=(16,)), "epochs": 1}
    run = vl.train(vl.preset("vae", objective=vl.Hamiltonian(steps=2), **settings), tmp_path / "run", show=False)
    assert not [name for name in run.model.state_dict() if "raw" in name]
    assert vl.resume(tmp_path / "run", epochs=2, show=False).rows[-1]["epoch"] == 2


def test_what_has_no_bound_is_refused(x: Tensor) -> None:
    with pytest.raises(vl.UserError, match=r"Hamiltonian\.step_size is 0\.5, but must be below largest = 0\.5"):
        vl.Hamiltonian(step_size=0.5)
    with pytest.raises(vl.UserError, match="objective is Hamiltonian, which needs"):
        vl.Experiment(model=vl.VAE(prior=vl.Diffusion()), objective=vl.Hamiltonian()).check(vl.ImageFormat(1, 8, 8))
    with pytest.raises(vl.UserError, match=r"temperings is \(0\.0,\), but must hold"):
        vl.hamiltonian_bound(pca(), x, temperings=[0.0])
    with pytest.raises(vl.UserError, match=r"step_sizes is \(\), but must hold"):
        vl.hamiltonian_bound(pca(), x, step_sizes=[])
    with pytest.raises(vl.UserError, match="has no density"):
        vl.hamiltonian_bound(pca(posterior=vl.Deterministic()), x)
    with pytest.raises(vl.UserError, match="grey pixels"):
        vl.hamiltonian_bound(pca(likelihood=vl.Bernoulli()), x.sigmoid())
