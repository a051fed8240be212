"""The evidence, its bounds and its gaps, on models for which they are known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from vaelab import VAE, Flow, FlowPosterior, GaussianPixels, Ladder, Mixture, Mlp, StandardNormal
from vaelab.data import Dynamic, ImageData, ImageFormat, Static
from vaelab.errors import UserError
from vaelab.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretisedLogistic,
    LearnedGaussian,
    OptimalGaussian,
)
from vaelab.metrics.evidence import (
    Joint,
    exact_evidence,
    importance_bound,
    importance_bound_over,
    inference_gaps,
    refuse_broken_weights,
)
from vaelab.metrics.images import pixels_of
from vaelab.metrics.intervals import bootstrap_interval
from vaelab.metrics.latent import posterior_means
from vaelab.models.vae import VAEModel
from vaelab.posteriors import Codebook, FullGaussian
from vaelab.priors import ConditionalNormal, UniformCodes, Vamp

FORMAT = ImageFormat(1, 3, 4)


def pca(latent: int = 2, sigma: float = 0.5, **parts: object) -> VAEModel:
    """Probabilistic PCA: affine encoder and decoder, normal pixels."""
    torch.manual_seed(1)
    spec = VAE(latent=latent, network=Mlp(hidden=()), likelihood=GaussianPixels(sigma=sigma), **parts)
    return spec.build(FORMAT).double().eval()


def correlated(model: VAEModel) -> VAEModel:
    """The same model with correlated decoder columns, so that the true posterior is a slanted ellipse."""
    with torch.no_grad():
        weight = model.network.decoder[0].weight.mul_(2)
        weight[:, 1:] += weight[:, :1]
    return model


def closed_form(model: VAEModel, x: Tensor) -> tuple[Tensor, MultivariateNormal]:
    """log p(x) and the true posterior of probabilistic PCA (Tipping and Bishop 1999), in any dimension."""
    layer, variance = model.network.decoder[0], model.likelihood.sigma.double() ** 2
    weight, bias = layer.weight.detach(), layer.bias.detach()
    covariance = weight @ weight.T + variance * torch.eye(len(weight), dtype=x.dtype)
    log_p = MultivariateNormal(bias, covariance).log_prob(x.flatten(1))
    precision = torch.eye(weight.shape[1], dtype=x.dtype) + weight.T @ weight / variance
    mean = torch.linalg.solve(precision, weight.T @ (x.flatten(1) - bias).T / variance).T
    return log_p, MultivariateNormal(mean, precision_matrix=precision)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(7, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 0.7


# ---- quadrature ----


@pytest.mark.parametrize("latent", [1, 2, 3])
def test_quadrature_matches_probabilistic_pca(latent: int, x: Tensor) -> None:
    # In three dimensions each halving multiplies the lattice by eight; wide posteriors need few halvings.
    model, tolerance = (pca(latent), 1e-8) if latent < 3 else (pca(latent, sigma=1.0), 1e-5)
    log_p, posterior = closed_form(model, x)
    result = exact_evidence(model, x, tolerance=tolerance)
    torch.testing.assert_close(result.log_p, log_p, rtol=0, atol=1e-6)
    torch.testing.assert_close(result.mean, posterior.mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(result.covariance, posterior.covariance_matrix.expand(7, -1, -1), rtol=0, atol=1e-5)
    assert result.refining.abs().max() < tolerance
    assert result.widening.abs().max() < 1e-8


def test_narrow_posteriors_are_found_between_the_points_of_the_first_lattice(x: Tensor) -> None:
    """The posterior is more than ten times narrower than the first step."""
    model = pca(sigma=0.02)
    with torch.no_grad():
        model.network.decoder[0].weight.mul_(3)
        images = model.decode(torch.tensor([[0.123, -0.456], [1.9, 1.1], [-2.3, 0.05]]).double()).mean
    log_p, posterior = closed_form(model, images)
    result = exact_evidence(model, images, tolerance=1e-6)
    assert posterior.covariance_matrix[0].diagonal().sqrt().max() < 0.02
    torch.testing.assert_close(result.log_p, log_p, rtol=0, atol=1e-5)
    torch.testing.assert_close(result.mean, posterior.mean, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("sigma", "ratio"), [(0.003, 0.03), (0.003, 0.3), (0.001, 0.03), (0.003, 1.0)])
def test_slanted_ridges_narrower_than_the_first_step_are_followed_to_their_ends(sigma: float, ratio: float) -> None:
    model = pca(sigma=sigma)
    with torch.no_grad():
        weight = model.network.decoder[0].weight
        turn = torch.tensor([[math.cos(0.6), -math.sin(0.6)], [math.sin(0.6), math.cos(0.6)]]).double()
        directions = torch.linalg.svd(weight, full_matrices=False).U
        weight.copy_(directions @ torch.diag(torch.tensor([1.0, ratio]).double()) @ turn)
        means = model.decode(torch.randn(20, 2, dtype=torch.float64)).mean
        images = means + sigma * torch.randn_like(means)
    result = exact_evidence(model, images)
    torch.testing.assert_close(result.log_p, closed_form(model, images)[0], rtol=0, atol=1e-3)


def test_the_lattice_covers_images_far_from_the_prior() -> None:
    """The encoder maps the image to eleven deviations from the prior; the lattice extends to it."""
    model = pca()
    with torch.no_grad():
        weight, bias = model.network.decoder[0].weight, model.network.decoder[0].bias
        regression = torch.linalg.solve(0.25 * torch.eye(2) + weight.T @ weight, weight.T)
        model.posterior.mean.weight.copy_(regression)
        model.posterior.mean.bias.copy_(-regression @ bias)
        far = model.decode(torch.tensor([[11.0, -9.0]]).double()).mean
    torch.testing.assert_close(
        exact_evidence(model, far, tolerance=1e-8).log_p, closed_form(model, far)[0], rtol=0, atol=1e-6
    )


def test_every_likelihood_and_prior_integrates_to_the_sum_over_a_fine_grid(x: Tensor) -> None:
    """Compare one lattice for all images, computed by matrix products, with plain sums."""
    ticks = torch.linspace(-8, 8, 321, dtype=torch.float64)
    grid = torch.cartesian_prod(ticks, ticks)
    grey = x.abs().clamp(max=1)
    for likelihood, prior, images in (
        (Bernoulli(), Mixture(components=3), grey.round()),
        (ContinuousBernoulli(), Vamp(components=3), grey),
        (LearnedGaussian(), Mixture(components=2), grey),
        (OptimalGaussian(), Vamp(components=2), grey),
        (DiscretisedLogistic(), StandardNormal(), (grey * 255).round() / 255),
    ):
        torch.manual_seed(3)
        spec = VAE(latent=2, network=Mlp(hidden=(8,)), likelihood=likelihood, prior=prior)
        model = spec.build(FORMAT).double().eval()
        with torch.no_grad():
            p, log_prior = model.decode(grid), model.prior_of(None, 1).log_prob(grid)
            plain = torch.stack([(p.log_prob(image) + log_prior).logsumexp(0) for image in images])
        expected = plain + 2 * math.log(16 / 320)
        result = exact_evidence(model, images, tolerance=1e-3)
        torch.testing.assert_close(result.log_p, expected, rtol=0, atol=3e-3)


@pytest.mark.parametrize("prior", [Mixture(components=2), ConditionalNormal()])
def test_a_conditional_model_is_integrated_under_each_images_own_label(prior: object, x: Tensor) -> None:
    torch.manual_seed(4)
    spec = VAE(latent=2, conditional=True, network=Mlp(hidden=(8,)), prior=prior)
    model = spec.build(ImageFormat(1, 3, 4, ("cat", "dog", "owl"))).double().eval()
    y = torch.tensor([2, 0, 1, 1, 0, 2, 2])
    images = x.gt(0).double()
    together = exact_evidence(model, images, y)
    assert len(set(np.round(together.log_p.tolist(), 6))) == 7
    for row in range(7):
        alone = exact_evidence(model, images[row : row + 1], y[row : row + 1])
        # The range, and so the lattice, depends on the images that share a label.
        torch.testing.assert_close(alone.log_p[0], together.log_p[row], rtol=0, atol=1e-3)
    with pytest.raises(UserError, match="y is None, but the model is conditional"):
        exact_evidence(model, images)


def test_too_few_points_are_refused_or_reported(x: Tensor) -> None:
    with pytest.raises(UserError, match="max_points is 100, but the first two lattices need 8450"):
        exact_evidence(pca(), x, max_points=100)
    coarse = exact_evidence(pca(sigma=0.02), x, tolerance=1e-8, max_points=9500)
    assert coarse.points <= 9500
    assert coarse.refining.abs().max() > 1e-8


def test_quadrature_refuses_models_it_cannot_integrate(x: Tensor) -> None:
    grey = x.abs().clamp(max=1).float()
    with pytest.raises(UserError, match="grey pixels, under which a Bernoulli likelihood gives a cross-entropy"):
        exact_evidence(VAE(network=Mlp()).build(FORMAT), grey)
    assert exact_evidence(VAE(network=Mlp()).build(FORMAT), grey, allow_cross_entropy=True).log_p.isfinite().all()
    with pytest.raises(UserError, match="model has 4 latent dimensions, but a grid is affordable for at most 3"):
        exact_evidence(pca(latent=4), x)
    codebook = VAE(network=Mlp(), posterior=Codebook(size=4), prior=UniformCodes()).build(FORMAT)
    with pytest.raises(UserError, match=r"codes come from a codebook.*the parts elbo, samples and representation"):
        exact_evidence(codebook, grey.round())
    ladder = Ladder(groups=(1, 1), width=8).build(ImageFormat(1, 8, 8))
    with pytest.raises(UserError, match=r"latents depend on each other.*the parts evidence and elbo"):
        exact_evidence(ladder, torch.zeros(1, 1, 8, 8))
    with pytest.raises(UserError, match=r"tolerance is 0\.0, but must be > 0"):
        exact_evidence(pca(), x, tolerance=0.0)
    broken = pca()
    with torch.no_grad():
        broken.posterior.mean.weight[0, 0] = math.nan
    with pytest.raises(UserError, match=r"not finite \(1 of 24 in posterior.mean.weight\); train it again"):
        exact_evidence(broken, x)
    with pytest.raises(UserError, match="not finite"):
        refuse_broken_weights(broken)


# ---- importance samples ----


def test_elbo_importance_bound_and_exact_evidence_are_ordered_and_close(x: Tensor) -> None:
    torch.manual_seed(0)
    model = pca()
    many = torch.randn(300, 1, 3, 4, dtype=torch.float64) * 0.5
    exact = exact_evidence(model, many).log_p
    bound = importance_bound(model, many, samples=2000)
    assert bound.elbo.mean() < bound.log_p.mean() < exact.mean() + 0.02
    assert bound.mean == pytest.approx(exact.mean().item(), abs=0.05)
    q = model.posterior_of(many)
    gap = kl_divergence(MultivariateNormal(q.mean, torch.diag_embed(q.variance)), closed_form(model, many)[1])
    torch.testing.assert_close(bound.elbo.mean(), (exact - gap).mean(), rtol=0, atol=0.1)
    assert ((bound.effective >= 1) & (bound.effective <= 2000)).all()


def test_fewer_draws_are_decoded_at_once_where_a_decoder_makes_more_numbers_of_each() -> None:
    spec = VAE(latent=2, network=Mlp(hidden=(4,)), likelihood=DiscretisedLogistic(components=10))
    model = spec.build(ImageFormat(3, 32, 32))
    draws: list[int] = []
    model.register_forward_hook(lambda module, given, trace: draws.append(trace.reconstruction.numel()))
    bound = importance_bound(model, torch.rand(2, 3, 32, 32), samples=200, seed=0)
    assert sum(draws) == 400
    assert bound.log_p.isfinite().all()
    # A hundred parameters of 32 x 32 pixels, four bytes each, take 64 MB for 160 draws.
    assert max(draws) == 162


def test_all_samples_are_effective_if_the_posterior_is_exact() -> None:
    """If the decoder ignores z and the encoder returns the prior, all weights are equal."""
    model = pca()
    with torch.no_grad():
        model.network.decoder[0].weight.zero_()
        for head in (model.posterior.mean, model.posterior.log_variance):
            head.weight.zero_()
            head.bias.zero_()
    bound = importance_bound(model, torch.zeros(3, 1, 3, 4).double(), samples=50)
    torch.testing.assert_close(bound.effective, torch.full((3,), 50.0).double())
    torch.testing.assert_close(bound.log_p, bound.elbo)


def test_binarised_pixels_are_the_same_for_every_measurement(digits: ImageData) -> None:
    data = digits.split("test")
    once, again, other = pixels_of(data, Dynamic()), pixels_of(data, Dynamic()), pixels_of(data, Dynamic(), seed=1)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    state = torch.random.get_rng_state()
    model = VAE(network=Mlp(hidden=(8,))).build(data.format)
    by_batches = importance_bound_over(model, data, Static(), samples=3, batch_size=7)
    assert torch.equal(by_batches.log_p, importance_bound_over(model, data, Static(), samples=3, batch_size=7).log_p)
    torch.random.set_rng_state(state)


def test_counts_below_one_are_refused(x: Tensor) -> None:
    for options in ({"samples": 0}, {"batch_size": 0}):
        with pytest.raises(UserError, match=f"{next(iter(options))} is 0, but must be >= 1"):
            importance_bound(pca(), x, **options)
    with pytest.raises(UserError, match="the number of images is 0, but must be >= 1"):
        importance_bound(pca(), x[:0])
    with pytest.raises(UserError, match="the number of images is 0, but must be >= 1"):
        exact_evidence(pca(), x[:0])


def test_grey_pixels_are_integrated_on_request(x: Tensor) -> None:
    torch.manual_seed(0)
    model, grey = VAE(network=Mlp(hidden=(8,))).build(FORMAT), x.abs().clamp(max=1).float()
    with pytest.raises(UserError, match="grey pixels"):
        importance_bound(model, grey)
    bound = importance_bound(model, grey, samples=2000, seed=0, allow_cross_entropy=True)
    exact = exact_evidence(model, grey, allow_cross_entropy=True)
    torch.testing.assert_close(bound.log_p, exact.log_p, rtol=0, atol=0.05)


def test_a_seed_reproduces_the_bound_and_the_rng_state_is_restored(x: Tensor) -> None:
    model = pca()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    seeded = importance_bound(model, x, samples=5, seed=0)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(seeded.log_p, importance_bound(model, x, samples=5, seed=0).log_p)
    assert not torch.equal(seeded.log_p, importance_bound(model, x, samples=5).log_p)
    # Images keep their order across batches.
    far = x + torch.arange(7.0).double()[:, None, None, None]
    by_batches = importance_bound(model, far, samples=500, batch_size=3, seed=0)
    torch.testing.assert_close(by_batches.log_p, exact_evidence(model, far).log_p, rtol=0.05, atol=1)


# ---- gaps ----


def best_diagonal(posterior: MultivariateNormal) -> Tensor:
    """min over diagonal q of KL(q || N(m, P^-1)) = 1/2 [sum_i log P_ii - log det P], per image."""
    precision = posterior.precision_matrix
    return (precision.diagonal(dim1=-2, dim2=-1).log().sum(-1) - torch.logdet(precision)) / 2


@pytest.mark.parametrize("latent", [2, 5])
def test_gaps_of_probabilistic_pca_match_closed_forms(latent: int, x: Tensor) -> None:
    model = correlated(pca(latent, sigma=0.3))
    log_p, posterior = closed_form(model, x)
    gaps = inference_gaps(model, x, log_p, steps=300, evaluation=4000)
    q = model.posterior_of(x)
    total = kl_divergence(MultivariateNormal(q.mean, torch.diag_embed(q.variance)), posterior)
    expected = best_diagonal(posterior).expand(7)
    assert expected.min() > 0.1
    torch.testing.assert_close(gaps.approximation.mean(), expected.mean(), rtol=0, atol=0.05)
    torch.testing.assert_close(gaps.total.mean(), total.mean(), rtol=0.05, atol=0.1)
    torch.testing.assert_close(gaps.amortisation, gaps.total - gaps.approximation)
    torch.testing.assert_close(gaps.mean, posterior.mean, rtol=0, atol=0.01)
    best = posterior.precision_matrix.diagonal(dim1=-2, dim2=-1) ** -1
    torch.testing.assert_close(gaps.covariance.diagonal(dim1=-2, dim2=-1), best.expand(7, -1), rtol=0.35, atol=0)


def test_a_full_covariance_closes_the_approximation_gap(x: Tensor) -> None:
    model = correlated(pca(sigma=0.3, posterior=FullGaussian()))
    log_p, posterior = closed_form(model, x)
    gaps = inference_gaps(model, x, log_p, evaluation=4000)
    assert best_diagonal(posterior).mean() > 0.1
    torch.testing.assert_close(gaps.approximation.mean(), torch.zeros(()).double(), rtol=0, atol=0.04)
    expected = posterior.covariance_matrix.expand(7, -1, -1)
    torch.testing.assert_close(gaps.covariance, expected, rtol=0.1, atol=0.002)


def test_an_optimal_encoder_has_no_amortisation_gap(x: Tensor) -> None:
    model = pca()
    log_p, posterior = closed_form(model, x)
    precision = posterior.precision_matrix[0]
    with torch.no_grad():
        layer = model.network.decoder[0]
        regression = torch.linalg.solve(precision, layer.weight.T / 0.25)
        model.posterior.mean.weight.copy_(regression)
        model.posterior.mean.bias.copy_(-regression @ layer.bias)
        model.posterior.log_variance.weight.zero_()
        model.posterior.log_variance.bias.copy_(-precision.diagonal().log())
    gaps = inference_gaps(model, x, log_p, evaluation=4000)
    assert gaps.amortisation.abs().max() < 0.02
    torch.testing.assert_close(gaps.approximation.mean(), best_diagonal(posterior).mean(), rtol=0, atol=0.03)


def test_moments_of_the_true_posterior_rescue_a_poor_encoder(x: Tensor) -> None:
    """The encoder starts ten deviations away, too far for few steps; the better start is used."""
    model = pca(sigma=0.3)
    with torch.no_grad():
        model.posterior.mean.bias.add_(6.0)
        model.posterior.log_variance.bias.fill_(-8.0)
    exact = exact_evidence(model, x)
    lost = inference_gaps(model, x, exact.log_p, steps=20)
    rescued = inference_gaps(model, x, exact.log_p, moments=(exact.mean, exact.covariance), steps=20)
    assert lost.approximation.mean() > 5
    assert rescued.approximation.mean() < 0.5


def test_measuring_restores_the_model_and_the_rng_state(x: Tensor) -> None:
    model = pca().train()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    exact = exact_evidence(model, x)
    inference_gaps(model, x, exact.log_p, steps=3, evaluation=10)
    posterior_means(model, x.clamp(0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_gaps_refuse_posteriors_that_are_not_gaussian(x: Tensor) -> None:
    zeros = torch.zeros(7)
    with pytest.raises(
        UserError, match="posterior is FlowPosterior, but the gap is split only for Gaussian and FullGaussian"
    ):
        inference_gaps(pca(posterior=FlowPosterior()), x, zeros)
    for name in ("steps", "samples", "evaluation"):
        with pytest.raises(UserError, match=f"{name} is 0, but must be >= 1"):
            inference_gaps(pca(), x, zeros, **{name: 0})


def test_the_joint_density_is_that_of_the_model(x: Tensor) -> None:
    model = pca(prior=Flow())
    joint = Joint(model, x)
    trace = model(x, None, 4)
    (latent,) = trace.latents
    torch.testing.assert_close(joint.log_prob(latent.z) - latent.q.log_prob(latent.z), trace.log_weight)


# ---- intervals ----


def test_bootstrap_intervals_have_their_nominal_coverage() -> None:
    random = np.random.default_rng(0)
    intervals = [bootstrap_interval(random.normal(3.0, 2.0, 200), draws=500, seed=seed) for seed in range(200)]
    coverage = np.mean([interval.low <= 3.0 <= interval.high for interval in intervals])
    assert 0.9 <= coverage <= 0.985
    widths = np.mean([interval.high - interval.low for interval in intervals])
    assert widths == pytest.approx(2 * 1.96 * 2 / math.sqrt(200), rel=0.05)


def test_bootstrap_refuses_invalid_input() -> None:
    with pytest.raises(UserError, match="values has 1 points, but at least 2 are needed"):
        bootstrap_interval(np.array([1.0]))
    with pytest.raises(UserError, match=r"level is 95\.0, but must lie strictly between 0 and 1"):
        bootstrap_interval(np.array([1.0, 2.0]), level=95.0)


def test_importance_samples_in_bf16_move_each_image_a_little_and_the_mean_hardly() -> None:
    torch.manual_seed(0)
    spec = VAE(latent=2, network=Mlp(hidden=(64, 64)), likelihood=Bernoulli())
    model = spec.build(ImageFormat(1, 8, 8)).eval()
    x = torch.rand(200, 1, 8, 8).round()
    exact = importance_bound(model, x, samples=50, seed=0)
    rough = importance_bound(model, x, samples=50, seed=0, precision="bf16")
    moved = rough.log_p - exact.log_p
    assert rough.log_p.dtype == torch.float64
    assert 1e-4 < moved.abs().max() < 0.1
    assert moved.mean().abs() < 0.01
    with pytest.raises(UserError, match="precision is 'fp16', but must be one of auto, bf16, fp32"):
        importance_bound(model, x, precision="fp16")
