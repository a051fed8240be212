"""Every number of a trace against its mathematical definition."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy

from vaelab import VAE, Constant, Elbo, GaussianPixels, Iwae, Mixture, Mlp, StandardNormal
from vaelab.contract import Latent, Prior, Trace
from vaelab.data import ImageFormat
from vaelab.distributions import diagonal_normal
from vaelab.likelihoods import Bernoulli
from vaelab.metrics.evidence import importance_bound
from vaelab.models.vae import VAEModel
from vaelab.schedules import Progress
from vaelab.sizes import PriorSizes

PROGRESS = Progress(epoch=1, step=0, steps=1, epochs=1)


def built(prior: Prior, latent: int) -> Prior:
    """The prior of an unconditional model with `latent` dimensions."""
    return prior.build(PriorSizes((1, 28, 28), latent, 0, None))


def latent_between(q, p, samples: int = 1) -> Latent:
    z = q.rsample((samples,))
    return Latent(q=q, code=z, z=z, p=p)


def test_closed_form_kl_matches_sampled_kl() -> None:
    torch.manual_seed(0)
    q = diagonal_normal(torch.randn(3, 2), torch.rand(3, 2) + 0.3)
    latent = latent_between(q, built(StandardNormal(), 2)(), samples=200_000)
    sampled = latent.log_ratio()
    error = 4 * sampled.std(0) / math.sqrt(len(sampled))
    assert ((sampled.mean(0) - latent.kl()[0]).abs() < error).all()


def test_kl_is_summed_over_dimensions_not_averaged() -> None:
    mean, log_variance = torch.randn(5, 7, dtype=torch.float64), torch.randn(5, 7, dtype=torch.float64)
    q = diagonal_normal(mean, (log_variance / 2).exp())
    by_hand = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(-1)
    torch.testing.assert_close(latent_between(q, built(StandardNormal(), 7).double()()).kl()[0], by_hand)


def test_kl_gradients_are_mu_and_sigma_minus_its_inverse() -> None:
    mean = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    sigma = (torch.rand(4, 2, dtype=torch.float64) + 0.2).requires_grad_()
    kl = latent_between(diagonal_normal(mean, sigma), built(StandardNormal(), 2).double()()).kl().sum()
    grad_mean, grad_sigma = torch.autograd.grad(kl, (mean, sigma))
    torch.testing.assert_close(grad_mean, mean)
    torch.testing.assert_close(grad_sigma, sigma - 1 / sigma)


def test_the_heads_are_the_mean_and_the_log_variance() -> None:
    """KL = -0.5 sum(1 + logvar - mu^2 - exp(logvar)), from the two heads of a complete model."""
    model = VAE().build(ImageFormat(1, 28, 28)).double()
    x = torch.rand(3, 1, 28, 28, dtype=torch.float64)
    h = model.network.encode(x, None)
    mean, log_variance = model.posterior.mean(h), model.posterior.log_variance(h)
    by_hand = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(-1)
    torch.testing.assert_close(model(x).kl[0, 0], by_hand)
    torch.testing.assert_close(model.encode(x).variance, log_variance.exp())


def test_kl_without_closed_form_is_sampled() -> None:
    torch.manual_seed(0)
    q = diagonal_normal(torch.zeros(2, 2), torch.ones(2, 2))
    latent = latent_between(q, built(Mixture(components=3), 2)(), samples=4)
    torch.testing.assert_close(latent.kl(), latent.log_ratio())


def test_mixture_prior_integrates_to_one_and_starts_with_unit_scales() -> None:
    prior = built(Mixture(components=4), 2)
    grid = torch.linspace(-9, 9, 600)
    points = torch.cartesian_prod(grid, grid)
    mass = prior().log_prob(points).exp().sum() * (grid[1] - grid[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=1e-3)
    scales = prior().component_distribution.stddev
    torch.testing.assert_close(scales, torch.ones_like(scales))


def test_the_elbo_matches_the_studys_loss_in_value_and_gradient() -> None:
    """BCE summed over pixels / B, KL = -0.5 sum(1 + logvar - mu^2 - exp(logvar)) / B, total = BCE + beta KL."""
    torch.manual_seed(3)
    x = torch.rand(6, 1, 28, 28, dtype=torch.float64)
    logits = torch.randn(6, 1, 28, 28, dtype=torch.float64, requires_grad=True)
    mean = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    log_variance = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    inputs = (logits, mean, log_variance)

    bce = binary_cross_entropy(logits.sigmoid(), x, reduction="sum") / len(x)
    kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum() / len(x)
    reference_loss = bce + 0.3 * kl

    latent = latent_between(diagonal_normal(mean, (log_variance / 2).exp()), built(StandardNormal(), 2).double()())
    trace = Trace(x, Bernoulli().build((1, 28, 28))(logits[None]), (latent,))
    loss = Elbo(beta=Constant(0.3))(trace, PROGRESS)

    torch.testing.assert_close(loss, reference_loss)
    torch.testing.assert_close(trace.reconstruction.mean(), bce)
    torch.testing.assert_close(trace.kl.mean(), kl)
    for gradient, reference in zip(
        torch.autograd.grad(loss, inputs), torch.autograd.grad(reference_loss, inputs), strict=True
    ):
        torch.testing.assert_close(gradient, reference)


@pytest.fixture
def linear_gaussian() -> VAEModel:
    """Affine encoder and decoder with normal pixels: probabilistic PCA, whose evidence is known exactly."""
    torch.manual_seed(1)
    spec = VAE(latent=2, network=Mlp(hidden=()), likelihood=GaussianPixels(sigma=0.5))
    return spec.build(ImageFormat(1, 3, 4)).double()


def exact_evidence(model: VAEModel, x: torch.Tensor) -> tuple[torch.Tensor, MultivariateNormal]:
    """log p(x) and the true posterior of probabilistic PCA (Tipping and Bishop 1999)."""
    layer, variance = model.network.decoder[0], model.likelihood.sigma**2
    weight, bias = layer.weight, layer.bias
    flat = x.flatten(1)
    covariance = weight @ weight.T + variance * torch.eye(len(weight), dtype=x.dtype)
    log_p = MultivariateNormal(bias, covariance).log_prob(flat)
    precision = torch.eye(2, dtype=x.dtype) + weight.T @ weight / variance
    mean = torch.linalg.solve(precision, weight.T @ (flat - bias).T / variance).T
    return log_p, MultivariateNormal(mean, precision_matrix=precision)


def test_elbo_plus_gap_is_the_exact_evidence(linear_gaussian: VAEModel) -> None:
    """ELBO + KL(q || posterior) = log p(x), to 1e-8 nats.

    The mean over the points mu +- sqrt(D) sigma_d e_d is the exact expectation over q of a quadratic.
    """
    model = linear_gaussian
    x = torch.randn(5, 1, 3, 4, dtype=torch.float64)
    log_p, posterior = exact_evidence(model, x)

    q = model.encode(x)
    offsets = math.sqrt(2) * torch.cat([torch.eye(2), -torch.eye(2)]).double()
    points = q.mean + offsets[:, None] * q.stddev
    scores = torch.stack([model.decode(z).log_prob(x) for z in points])
    elbo = scores.mean(0) - kl_divergence(q, model.prior())

    gap = kl_divergence(MultivariateNormal(q.mean, torch.diag_embed(q.variance)), posterior)
    torch.testing.assert_close(elbo + gap, log_p, rtol=0, atol=1e-8)


def test_each_log_weight_plus_its_posterior_ratio_is_the_exact_evidence(linear_gaussian: VAEModel) -> None:
    """log p(x, z) / q(z | x) + log q(z | x) / p(z | x) = log p(x) for every draw z of the trace."""
    x = torch.randn(5, 1, 3, 4, dtype=torch.float64)
    log_p, posterior = exact_evidence(linear_gaussian, x)
    trace = linear_gaussian(x, None, 7)
    (latent,) = trace.latents
    ratio = latent.q.log_prob(latent.code) - posterior.log_prob(latent.code)
    torch.testing.assert_close(trace.log_weight + ratio, log_p.expand(7, -1), rtol=0, atol=1e-8)


def test_importance_bound_rises_with_samples_to_the_exact_evidence(linear_gaussian: VAEModel) -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 1, 3, 4, dtype=torch.float64) * 0.5
    exact = exact_evidence(linear_gaussian, x)[0].mean().item()
    bounds = [importance_bound(linear_gaussian, x, samples=k).mean for k in (1, 10, 3000)]
    assert bounds[0] < bounds[1] < bounds[2] < exact + 0.05
    assert bounds[2] == pytest.approx(exact, abs=0.1)


def test_iwae_loss_weighs_the_best_sample_most() -> None:
    """A softmax of the positive loss would give the worst sample the largest weight."""
    log_weight = torch.tensor([[-100.0], [-90.0]], requires_grad=True)

    class Fixed:
        penalty = torch.zeros(1)

    Fixed.log_weight = log_weight
    loss = Iwae(samples=2)(Fixed(), PROGRESS)
    torch.testing.assert_close(loss, torch.tensor(90.0 + math.log(2)), atol=1e-3, rtol=0)
    (grad,) = torch.autograd.grad(loss, log_weight)
    assert grad[1].abs() > 0.99
    assert grad[0].abs() < 0.01


def test_iwae_uses_the_given_number_of_samples(linear_gaussian: VAEModel) -> None:
    assert linear_gaussian(torch.randn(3, 1, 3, 4, dtype=torch.float64), None, 9).log_weight.shape == (9, 3)


def test_gaussian_likelihood_includes_its_normaliser() -> None:
    theta = torch.zeros(1, 1, 2, 2)
    score = GaussianPixels(sigma=0.3).build((1, 2, 2))(theta).log_prob(torch.zeros(1, 1, 2, 2))
    assert score.item() == pytest.approx(4 * -math.log(0.3 * math.sqrt(2 * math.pi)), rel=1e-5)


def test_reconstruction_is_summed_over_pixels_and_averaged_over_images() -> None:
    p = Independent(Normal(torch.zeros(1, 2, 1, 4, 4), torch.ones(())), 3)
    q = diagonal_normal(torch.zeros(2, 2), torch.ones(2, 2))
    latent = latent_between(q, built(StandardNormal(), 2)())
    trace = Trace(torch.zeros(2, 1, 4, 4), p, (latent,))
    assert Elbo()(trace, PROGRESS).item() == pytest.approx(16 * 0.5 * math.log(2 * math.pi), rel=1e-5)
