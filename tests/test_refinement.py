"""Refinement of posteriors, on models whose posteriors are known exactly, and its gradient by finite differences."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from vaelab import VAE, FlowPosterior, FullGaussian, GaussianPixels, ImageFormat, Mlp, SemiAmortised, UserError, refine
from vaelab.metrics.evidence import exact_evidence, inference_gaps
from vaelab.models.vae import VAEModel
from vaelab.schedules import Progress

FORMAT = ImageFormat(1, 3, 4)
START = Progress(epoch=1, step=0, steps=1, epochs=1, n_images=5)


def pca(**parts: Any) -> VAEModel:
    """Probabilistic PCA with an encoder of random weights, far from the true posterior."""
    torch.manual_seed(1)
    spec = VAE(latent=2, network=Mlp(hidden=()), likelihood=GaussianPixels(sigma=0.3), **parts)
    model = spec.build(FORMAT).double().eval()
    with torch.no_grad():
        weight = model.network.decoder[0].weight.mul_(2)
        weight[:, 1:] += weight[:, :1]
    return model


def true_posterior(model: VAEModel, x: Tensor) -> MultivariateNormal:
    """p(z | x) of probabilistic PCA (Tipping and Bishop 1999)."""
    layer, variance = model.network.decoder[0], 0.3**2
    weight = layer.weight.detach()
    precision = torch.eye(2, dtype=x.dtype) + weight.T @ weight / variance
    mean = torch.linalg.solve(precision, weight.T @ (x.flatten(1) - layer.bias.detach()).T / variance).T
    return MultivariateNormal(mean, precision_matrix=precision)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 0.7


def test_refinement_converges_to_the_exact_posterior(x: Tensor) -> None:
    """With a full covariance, to the posterior itself; with a diagonal one, to its closest member."""
    model = pca(posterior=FullGaussian())
    exact = true_posterior(model, x)
    before = kl_divergence(model.posterior_of(x), exact)
    assert before.min() > 5
    q: Any = refine(model, x, steps=100)
    assert kl_divergence(q, exact).max() < 1e-3
    model = pca()
    q = refine(model, x, steps=150, samples=64, rate=0.1)
    precision = exact.precision_matrix.diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(q.mean, exact.mean, rtol=0, atol=0.02)
    torch.testing.assert_close(q.stddev, precision**-0.5, rtol=0.1, atol=0)


def test_refinement_closes_the_amortisation_gap_and_stays_below_the_evidence(x: Tensor) -> None:
    model = pca(posterior=FullGaussian())
    log_p = exact_evidence(model, x).log_p
    gaps = [inference_gaps(model, x, log_p, refinement=steps, evaluation=4000) for steps in (0, 5, 100)]
    torch.testing.assert_close(gaps[0].refined_elbo, gaps[0].elbo)
    left = [float(each.remaining.mean()) for each in gaps]
    assert left[0] > 5 * left[1] > 0
    assert abs(left[2]) < 0.01
    for each in gaps:
        assert (each.refined_elbo <= log_p + 0.1).all()  # within the error of 4000 draws
        assert (each.refined_elbo >= each.elbo).all()


def gradient(model: VAEModel, x: Tensor, through: bool) -> list[Tensor]:
    model.zero_grad()
    loss(model, x, through).backward()
    return [weight.grad.clone() for weight in model.parameters()]


def loss(model: VAEModel, x: Tensor, through: bool = True) -> Tensor:
    torch.manual_seed(3)
    return SemiAmortised(steps=3, rate=0.2, through=through, beta=0.7)(model(x), START)


def test_the_gradient_through_the_steps_matches_finite_differences(x: Tensor) -> None:
    for posterior in ({}, {"posterior": FullGaussian()}):
        model = pca(**posterior)
        slopes, h = gradient(model, x, through=True), 1e-6
        for weight, slope in zip(model.parameters(), slopes, strict=True):
            flat = weight.data.view(-1)
            for i in {0, len(flat) // 2, len(flat) - 1}:
                value = float(flat[i])
                ends = []
                for moved in (value + h, value - h):
                    flat[i] = moved
                    ends.append(float(loss(model, x).detach()))
                flat[i] = value
                expected = (ends[0] - ends[1]) / (2 * h)
                assert float(slope.view(-1)[i]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_without_gradients_through_the_steps_the_encoder_follows_its_own_bound(x: Tensor) -> None:
    """The decoder gets the same gradient of the value, less what reaches q through its weights."""
    model = pca()
    torch.testing.assert_close(loss(model, x, through=False), loss(model, x))
    split = gradient(model, x, through=False)
    model.zero_grad()
    torch.manual_seed(3)
    model(x).cost(0.7).mean().backward()
    own = {name: weight.grad for name, weight in model.named_parameters()}
    assert model.network.decoder[0].bias.grad is not None
    for (name, _), slope in zip(model.named_parameters(), split, strict=True):
        if name.startswith(("network.encoder", "posterior")):
            torch.testing.assert_close(slope, own[name])
        else:
            assert not torch.allclose(slope, own[name])


def test_refinement_refuses_what_it_cannot_fit(x: Tensor) -> None:
    with pytest.raises(UserError, match="posterior is FlowPosterior, but"):
        refine(pca(posterior=FlowPosterior()), x)
    with pytest.raises(UserError, match="steps is 0, but must be >= 1"):
        refine(pca(), x, steps=0)
    with pytest.raises(UserError, match="rate is 2"):
        refine(pca(), x, rate=2.0)
