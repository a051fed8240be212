"""Annealed importance sampling on models with known evidence and posterior."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, kl_divergence

from vaelab import VAE, GaussianPixels, Ladder, Mixture, Mlp
from vaelab.data import ImageFormat
from vaelab.distributions.hmc import evaluate, leapfrog, transition
from vaelab.errors import UserError
from vaelab.metrics.evidence import path
from vaelab.metrics.evidence.annealed import annealed_bound
from vaelab.metrics.evidence.bidirectional import bidirectional_bounds
from vaelab.metrics.evidence.joint import Joint
from vaelab.metrics.evidence.path import Annealing, sigmoidal_temperatures
from vaelab.metrics.evidence.starts import Start, from_posterior, from_prior
from vaelab.models.vae import VAEModel
from vaelab.posteriors import Codebook, FlowPosterior, FullGaussian, Gaussian
from vaelab.priors import ConditionalNormal, Flow, StandardNormal, UniformCodes, Vamp

from .test_mathematics import exact_evidence


@pytest.fixture
def model() -> VAEModel:
    """Probabilistic PCA whose posterior is narrower than the prior, with an encoder close to it but wider."""
    torch.manual_seed(1)
    spec = VAE(latent=2, network=Mlp(hidden=()), likelihood=GaussianPixels(sigma=0.5))
    built = spec.build(ImageFormat(1, 3, 4)).double()
    with torch.no_grad():
        decoder, encoder = built.network.decoder[0], built.posterior
        weight = decoder.weight.mul_(1.5)
        regression = torch.linalg.solve(0.25 * torch.eye(2) + weight.T @ weight, weight.T)
        encoder.mean.weight.copy_(regression)
        encoder.mean.bias.copy_(0.2 - regression @ decoder.bias)
        encoder.log_variance.weight.zero_()
        encoder.log_variance.bias.fill_(2 * math.log(0.4))
    return built


@pytest.fixture
def x() -> Tensor:
    return torch.randn(6, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 0.7


def exact_posterior(joint: Joint) -> MultivariateNormal:
    with torch.no_grad():
        return exact_evidence(joint.model, joint.x)[1]


def divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q), with a diagonal normal converted to a full covariance."""
    full = [
        d if isinstance(d, MultivariateNormal) else MultivariateNormal(d.mean, torch.diag_embed(d.variance))
        for d in (p, q)
    ]
    return kl_divergence(*full)


def assert_near(values: Tensor, expected: Tensor | float) -> None:
    """The mean over the first axis equals the expected value within four (small) standard errors."""
    error = 4 * values.std(0) / math.sqrt(len(values))
    assert (error < 0.4).all()
    assert ((values.mean(0) - expected).abs() <= error).all()


# ---- Hamiltonian Monte Carlo ----

COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.8]], dtype=torch.float64)
CENTRE = torch.tensor([1.0, -2.0], dtype=torch.float64)


def gaussian(z: Tensor) -> tuple[Tensor, ...]:
    """Two terms whose product with weights (1/4, 3/4) is N(CENTRE, COVARIANCE)."""
    whole = MultivariateNormal(CENTRE, COVARIANCE).log_prob(z)
    tilt = 0.3 * z.square().sum(-1)
    return whole + 3 * tilt, whole - tilt


WEIGHTS = (0.25, 0.75)


def chains(n: int) -> Tensor:
    return MultivariateNormal(CENTRE, COVARIANCE).sample((n, 1))


def test_hmc_leaves_a_gaussian_invariant() -> None:
    """The step is so long that leapfrog without an acceptance step would widen the distribution."""
    torch.manual_seed(0)
    point = evaluate(gaussian, chains(20_000))
    for _ in range(4):
        point, probability = transition(gaussian, WEIGHTS, point, torch.tensor([0.75]), 3)
    assert 0.4 < probability.mean() < 0.9
    away = point.z[:, 0] - CENTRE
    assert_near(away, 0.0)
    assert_near(away[:, :, None] * away[:, None, :], COVARIANCE)


def test_hmc_converges_from_a_distant_start() -> None:
    torch.manual_seed(0)
    point = evaluate(gaussian, torch.full((4000, 1, 2), 4.0, dtype=torch.float64))
    for _ in range(40):
        point, _ = transition(gaussian, WEIGHTS, point, torch.tensor([0.5]), 4)
    away = point.z[:, 0] - CENTRE
    assert_near(away, 0.0)
    assert_near(away[:, :, None] * away[:, None, :], COVARIANCE)


def test_leapfrog_is_reversible() -> None:
    torch.manual_seed(0)
    start = evaluate(gaussian, chains(7))
    momentum, step = torch.randn_like(start.z), torch.tensor([0.3])
    end, last = leapfrog(gaussian, WEIGHTS, start, momentum, step, 10)
    assert (end.z - start.z).abs().max() > 1
    back, first = leapfrog(gaussian, WEIGHTS, end, -last, step, 10)
    torch.testing.assert_close(back.z, start.z)
    torch.testing.assert_close(first, -momentum)


def test_leapfrog_conserves_energy_to_second_order() -> None:
    torch.manual_seed(0)
    start = evaluate(gaussian, chains(200))
    momentum = torch.randn_like(start.z)

    def error(steps: int) -> float:
        end, last = leapfrog(gaussian, WEIGHTS, start, momentum, torch.tensor([1.0 / steps]), steps)
        change = end.log_density(WEIGHTS) - start.log_density(WEIGHTS)
        return float((change - (last.square() - momentum.square()).sum(-1) / 2).abs().mean())

    assert error(20) < 1e-2
    assert error(20) / error(40) == pytest.approx(4, rel=0.05)


def test_a_tiny_step_is_always_accepted() -> None:
    torch.manual_seed(0)
    point = evaluate(gaussian, chains(200))
    moved, probability = transition(gaussian, WEIGHTS, point, torch.tensor([1e-3]), 3)
    assert probability.min() > 1 - 1e-4
    assert (moved.z != point.z).all()


def test_chains_move_when_a_trajectory_is_a_full_period() -> None:
    """On a standard normal, six steps of length one are exactly one period."""

    def standard(z: Tensor) -> tuple[Tensor, ...]:
        return (-z.square().sum(-1) / 2,)

    torch.manual_seed(0)
    start = evaluate(standard, torch.randn(500, 1, 1, dtype=torch.float64))
    momentum = torch.randn_like(start.z)
    end, _ = leapfrog(standard, (1.0,), start, momentum, torch.tensor([1.0]), 6)
    torch.testing.assert_close(end.z, start.z)
    moved, _ = transition(standard, (1.0,), start, torch.tensor([1.0]), 6)
    assert (moved.z - start.z).abs().mean() > 0.3


def test_a_trajectory_with_nan_density_is_rejected() -> None:
    def broken(z: Tensor) -> tuple[Tensor, ...]:
        return (torch.where(z[..., 0] > 0, math.nan, -z.square().sum(-1) / 2),)

    torch.manual_seed(0)
    point = evaluate(broken, torch.full((200, 1, 2), -0.1, dtype=torch.float64))
    moved, probability = transition(broken, (1.0,), point, torch.tensor([0.5]), 2)
    assert (moved.z[..., 0] <= 0).all()
    assert moved.terms.isfinite().all()
    assert (probability == 0).any()
    assert (probability > 0).any()


# ---- Annealed importance sampling ----


def test_temperatures_rise_from_zero_to_one_and_are_close_at_the_ends() -> None:
    betas = torch.tensor(sigmoidal_temperatures(10), dtype=torch.float64)
    assert betas[0] == 0
    assert betas[-1] == 1
    steps = betas.diff()
    assert (steps > 0).all()
    torch.testing.assert_close(steps, steps.flip(0))
    assert steps[0] < 0.3 * steps[5]
    assert sigmoidal_temperatures(1) == (0.0, 1.0)


@pytest.mark.parametrize("start", [from_prior, from_posterior])
def test_annealing_matches_the_exact_evidence(model: VAEModel, x: Tensor, start: Start) -> None:
    exact = exact_evidence(model, x)[0].detach()
    result = annealed_bound(model, x, temperatures=60, chains=60, start=start)
    assert result.log_weight.shape == (1, 60, 6)
    error = (1 / result.effective - 1 / 60).sqrt()
    assert (error < 0.2).all()
    assert ((result.log_p - exact).abs() < 4 * error + 0.01).all()
    assert result.log_weight.mean() < exact.mean()
    assert ((result.acceptance > 0.5) & (result.acceptance < 0.8)).all()
    assert result.interval.low < result.mean < result.interval.high


@pytest.mark.parametrize("start", [from_prior, from_posterior])
def test_weights_are_unbiased_with_few_temperatures(model: VAEModel, x: Tensor, start: Start) -> None:
    exact = exact_evidence(model, x)[0].detach()
    log_weight = annealed_bound(model, x, temperatures=6, chains=6000, leapfrog=3, start=start).log_weight[0]
    assert (log_weight.std(0) > 0.3).all()
    assert_near((log_weight - exact).exp(), 1.0)


def test_more_temperatures_bring_each_chain_closer_to_the_evidence(model: VAEModel, x: Tensor) -> None:
    exact = exact_evidence(model, x)[0].detach()
    gaps = [
        float((exact - annealed_bound(model, x, temperatures=t, chains=50, start=from_prior).log_weight).mean())
        for t in (1, 25, 125)
    ]
    assert gaps[0] > 5 * gaps[1] > 15 * gaps[2] > 0


def test_one_temperature_is_importance_sampling_from_the_start(model: VAEModel, x: Tensor) -> None:
    """E[log w] is the ELBO, log p(x) - KL(q || p(z | x)), and there are no transitions."""
    exact, posterior = exact_evidence(model, x)
    q = model.posterior_of(x)
    result = annealed_bound(model, x, temperatures=1, chains=40_000, start=from_posterior)
    assert_near(result.log_weight[0], (exact - divergence(q, posterior)).detach())
    assert result.acceptance.isnan().all()


@pytest.mark.parametrize("temperatures", [1, 7])
def test_from_the_true_posterior_every_weight_is_the_evidence(model: VAEModel, x: Tensor, temperatures: int) -> None:
    exact = exact_evidence(model, x)[0].detach()
    result = annealed_bound(model, x, temperatures=temperatures, chains=3, start=exact_posterior)
    torch.testing.assert_close(result.log_weight[0], exact.expand(3, -1), rtol=0, atol=1e-8)
    torch.testing.assert_close(result.log_p, exact, rtol=0, atol=1e-8)
    torch.testing.assert_close(result.effective, torch.full((6,), 3.0, dtype=torch.float64))


def test_chains_run_in_blocks_keep_their_order(model: VAEModel, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path, "_DECODED", 120)
    result = annealed_bound(model, x, temperatures=40, chains=30)
    torch.testing.assert_close(result.log_p, exact_evidence(model, x)[0].detach(), rtol=0, atol=0.3)


def test_the_step_size_adapts_to_each_image(model: VAEModel, x: Tensor) -> None:
    """A hundredth of the pixel noise narrows the posterior a hundredfold; the steps shrink along the path."""
    model.likelihood.sigma.fill_(0.005)
    annealing = Annealing(Joint(model, x), from_prior, 200, 5)
    assert annealing.steps[-1].max() < 0.05 * annealing.steps[0].min()
    forward, backward = annealing.forward(20)[1], annealing.backward(exact_posterior(annealing.joint).sample((20,)))[1]
    assert all(((acceptance > 0.5) & (acceptance < 0.8)).all() for acceptance in (forward, backward))


def test_the_seed_fixes_the_result_and_the_rng_state_is_restored(model: VAEModel, x: Tensor) -> None:
    model.train()
    before, weights = torch.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    first = annealed_bound(model, x, temperatures=4, chains=2, seed=3).log_weight
    both = bidirectional_bounds(model, n_images=3, temperatures=4, chains=2, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not first.requires_grad
    assert not both.upper.requires_grad
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
    torch.rand(1)
    assert torch.equal(annealed_bound(model, x, temperatures=4, chains=2, seed=3).log_weight, first)
    assert torch.equal(bidirectional_bounds(model, n_images=3, temperatures=4, chains=2, seed=3).upper, both.upper)
    assert not torch.equal(annealed_bound(model, x, temperatures=4, chains=2, seed=4).log_weight, first)


# ---- Several starts ----


def misled(model: VAEModel, shift: float, width: float) -> VAEModel:
    """The model with an encoder that is far too sure, and looks beside the posterior."""
    with torch.no_grad():
        model.posterior.mean.bias += shift
        model.posterior.log_variance.bias.fill_(2 * math.log(width))
    return model


def many(n: int) -> Tensor:
    return torch.randn(n, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 0.7


def test_the_default_does_not_depend_on_the_encoder(model: VAEModel) -> None:
    """From this encoder alone no chain comes near; chains from the prior must neither be slowed nor outvoted by it."""
    x = many(40)
    exact = exact_evidence(model, x)[0].detach()
    result = annealed_bound(misled(model, 3.0, 0.01), x)
    prior, encoder = (result.by_start - exact).mean(1)
    assert encoder < -10
    assert abs(prior) < 0.1
    assert abs(result.mean - exact.mean()) < 0.1
    assert (result.log_p - exact).min() > -1


def test_shares_follow_the_pilots_and_sum_to_one(model: VAEModel, x: Tensor) -> None:
    good = annealed_bound(model, x, temperatures=20, chains=2).log_share.exp()
    torch.testing.assert_close(good.sum(0), torch.ones(6, dtype=torch.float64))
    assert good.min() > 0.02
    assert annealed_bound(misled(model, 3.0, 0.01), x, temperatures=20, chains=2).log_share[1].exp().max() < 1e-3


def test_the_average_over_starts_is_unbiased(model: VAEModel, x: Tensor) -> None:
    """With few temperatures and an encoder that is neither good nor hopeless, so that shares lie between 0 and 1."""
    exact = exact_evidence(model, x)[0].detach()
    result = annealed_bound(misled(model, 0.3, 0.3), x, temperatures=6, chains=4000, leapfrog=3)
    assert result.log_share.exp().amin(0).median() > 0.05
    error = (1 / result.effective).sqrt()
    assert ((result.log_p - exact).exp() - 1).abs().max() < 4 * error.max() < 0.4


def test_one_start_is_the_same_as_a_sequence_of_one(model: VAEModel, x: Tensor) -> None:
    alone, listed = (annealed_bound(model, x, temperatures=4, start=start) for start in (from_prior, [from_prior]))
    assert torch.equal(alone.log_p, listed.log_p)
    torch.testing.assert_close(alone.log_p, alone.by_start[0])
    with pytest.raises(UserError, match="the number of starts is 0"):
        annealed_bound(model, x, start=[])


class Bent(torch.nn.Module):
    """Probabilistic PCA of |z_1| and z_2: each posterior is its own mirror image in z_1."""

    def __init__(self, linear: torch.nn.Module) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, z: Tensor) -> Tensor:
        return self.linear(torch.cat([z[..., :1].abs(), z[..., 1:]], -1))


def test_a_start_that_misses_one_of_two_equal_peaks_is_low_by_log_two(model: VAEModel) -> None:
    """The evidence by a sum over a fine grid, the integral over the encoder's half half of it."""
    layer = model.network.decoder[0]
    with torch.no_grad():
        model.likelihood.sigma.fill_(0.2)
        model.network.decoder[0] = Bent(layer)
        model.posterior.mean.weight.zero_()
        model.posterior.mean.bias.copy_(torch.tensor([1.5, 0.0]))
        model.posterior.log_variance.bias.fill_(2 * math.log(0.15))
        torch.manual_seed(0)
        x = model.decode(torch.tensor([1.5, 0.0]) + 0.1 * torch.randn(8, 2, dtype=torch.float64)).sample()
        ticks = torch.linspace(-4, 4, 161, dtype=torch.float64)
        grid = torch.cartesian_prod(ticks, ticks)
        exact = Joint(model, x).log_prob(grid[:, None].expand(-1, 8, -1)).logsumexp(0) + 2 * math.log(0.05)
    result = annealed_bound(model, x)
    prior, encoder = (result.by_start - exact).mean(1)
    assert abs(prior) < 0.1
    assert encoder == pytest.approx(-math.log(2), abs=0.1)
    assert -0.45 < result.mean - exact.mean() < 0.1


def test_bounds_of_both_directions_enclose_the_evidence_of_a_misled_encoder(model: VAEModel) -> None:
    """E[log p(x)] is the negative entropy of x; the useless start has no share of either bound."""
    weight = model.network.decoder[0].weight.detach()
    covariance = weight @ weight.T + model.likelihood.sigma**2 * torch.eye(12, dtype=torch.float64)
    expected = -float(MultivariateNormal(torch.zeros(12, dtype=torch.float64), covariance).entropy())
    result = bidirectional_bounds(misled(model, 3.0, 0.01), n_images=300, temperatures=60, chains=6)
    error = 4 * math.sqrt(12 / 2 / 300)
    assert result.mean_lower - error < expected < result.mean_upper + error
    assert 0 < result.gap < 0.5


# ---- Reverse annealing, from the posterior ----


def test_reverse_annealing_with_one_temperature_is_the_log_weight_at_the_draw(model: VAEModel, x: Tensor) -> None:
    joint = Joint(model, x)
    z = exact_posterior(joint).sample((3,))
    log_weight, _ = Annealing(joint, from_posterior, 1, 1).backward(z)
    torch.testing.assert_close(log_weight, (joint.log_prob(z) - joint.posterior.log_prob(z)).detach())


def test_reverse_annealing_is_unbiased_for_the_inverse_evidence(model: VAEModel, x: Tensor) -> None:
    """The start is narrower than the posterior, so that 1 / w has a finite variance."""

    def narrow(joint: Joint) -> MultivariateNormal:
        posterior = exact_posterior(joint)
        return MultivariateNormal(posterior.mean + 0.15, posterior.covariance_matrix * 0.4)

    joint = Joint(model, x)
    exact = exact_evidence(model, x)[0].detach()
    torch.manual_seed(0)
    with torch.no_grad():
        log_weight, _ = Annealing(joint, narrow, 4, 3).backward(exact_posterior(joint).sample((3000,)))
    assert (log_weight.std(0) > 0.1).all()
    assert_near((exact - log_weight).exp(), 1.0)
    assert (log_weight.mean(0) > exact).all()


def test_the_bounds_enclose_the_mean_evidence_of_generated_images(model: VAEModel) -> None:
    """E[log p(x)] is the negative entropy of x, which is normal."""
    weight = model.network.decoder[0].weight.detach()
    covariance = weight @ weight.T + model.likelihood.sigma**2 * torch.eye(12, dtype=torch.float64)
    expected = -float(MultivariateNormal(torch.zeros(12, dtype=torch.float64), covariance).entropy())
    result = bidirectional_bounds(model, n_images=600, temperatures=20, chains=4)
    error = 4 * math.sqrt(12 / 2 / 600)
    assert result.mean_lower < expected + error
    assert result.mean_upper > expected - error
    assert result.gap == pytest.approx(result.mean_upper - result.mean_lower)
    assert 0 < result.gap_interval.low < result.gap < result.gap_interval.high < 0.3


def test_the_gap_shrinks_with_more_temperatures(model: VAEModel) -> None:
    gaps = [
        bidirectional_bounds(model, n_images=60, temperatures=t, chains=2, start=from_prior).gap for t in (1, 20, 100)
    ]
    assert gaps[0] > 5 * gaps[1] > 15 * gaps[2] > 0


def test_from_the_true_posterior_both_bounds_are_the_evidence(model: VAEModel) -> None:
    result = bidirectional_bounds(model, n_images=5, temperatures=3, chains=2, start=exact_posterior)
    torch.testing.assert_close(result.lower, result.upper, rtol=0, atol=1e-8)


def test_with_one_chain_and_one_temperature_the_gap_is_both_divergences(model: VAEModel) -> None:
    """For a constant encoder, the expectation of KL(q || p) + KL(p || q) is known."""
    with torch.no_grad():
        for head in (model.posterior.mean, model.posterior.log_variance):
            head.weight.zero_()
            head.bias.zero_()
    decoder = model.network.decoder[0].weight.detach()
    precision = torch.eye(2, dtype=torch.float64) + decoder.T @ decoder / model.likelihood.sigma**2
    # The posterior means m have covariance I - P^-1, so that E[m' (I + P) m] / 2 is a trace.
    spread = torch.eye(2, dtype=torch.float64) - precision.inverse()
    both = torch.eye(2, dtype=torch.float64) + precision
    expected = float(((precision + precision.inverse()).trace() - 4 + (both @ spread).trace()) / 2)
    result = bidirectional_bounds(model, n_images=4000, temperatures=1, chains=1, start=from_posterior)
    gap = result.upper - result.lower
    assert gap.mean() == pytest.approx(expected, abs=float(4 * gap.std() / math.sqrt(4000)))


def test_labels_are_drawn_from_those_given(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = VAE(latent=2, network=Mlp(hidden=()), prior=ConditionalNormal(), conditional=True)
    model = spec.build(ImageFormat(1, 3, 4, ("a", "b", "c", "d")))
    with pytest.raises(UserError, match="y is None, but the model is conditional"):
        bidirectional_bounds(model, n_images=3)

    requested, prior_of = [], model.prior_of

    def recorded(y: Tensor, n: int) -> Distribution:
        requested.append(y)
        return prior_of(y, n)

    monkeypatch.setattr(model, "prior_of", recorded)
    result = bidirectional_bounds(model, torch.tensor([1, 3, 3, 3]), n_images=200, temperatures=2, chains=1)
    assert result.lower.isfinite().all()
    assert requested[0].unique().tolist() == [1, 3]
    assert 0.6 < (requested[0] == 3).double().mean() < 0.9


# ---- Starts, and refusals ----


COMPOSITIONS = [
    (StandardNormal(), Gaussian()),
    (Mixture(components=3), FullGaussian()),
    (Vamp(components=3), Gaussian()),
    (Flow(transforms=1, hidden=(4,)), FlowPosterior(transforms=1, hidden=(4,))),
    (ConditionalNormal(), Gaussian()),
]


@pytest.mark.parametrize("parts", COMPOSITIONS, ids=lambda parts: parts[0].kind)
def test_every_prior_and_posterior_of_real_latents_can_be_annealed(parts) -> None:
    """z has little effect on the binary pixels of this model: log p(x) is close to that of fair coins."""
    prior, posterior = parts
    torch.manual_seed(0)
    conditional = isinstance(prior, ConditionalNormal)
    spec = VAE(latent=2, network=Mlp(hidden=(8,)), prior=prior, posterior=posterior, conditional=conditional)
    model = spec.build(ImageFormat(1, 4, 4, ("a", "b")))
    x, y = torch.rand(3, 1, 4, 4).round(), torch.tensor([0, 1, 1])
    result = annealed_bound(model, x, y, temperatures=12, chains=8, leapfrog=2)
    assert result.mean == pytest.approx(-16 * math.log(2), abs=2)
    assert ((result.acceptance > 0.4) & (result.acceptance < 0.95)).all()
    both = bidirectional_bounds(model, y, n_images=20, temperatures=12, chains=8, leapfrog=2)
    assert abs(both.gap) < 0.2


@pytest.mark.parametrize("setting", ["temperatures", "chains", "leapfrog"])
def test_counts_below_one_are_refused(model: VAEModel, x: Tensor, setting: str) -> None:
    for run in (lambda: annealed_bound(model, x, **{setting: 0}), lambda: bidirectional_bounds(model, **{setting: 0})):
        with pytest.raises(UserError, match=f"{setting} is 0, but must be >= 1"):
            run()


def test_models_without_an_evidence_are_refused(model: VAEModel) -> None:
    image = ImageFormat(1, 8, 8)
    grey = torch.full((2, 1, 8, 8), 0.5)
    with pytest.raises(UserError, match="grey pixels"):
        annealed_bound(VAE().build(image), grey)
    with pytest.raises(UserError, match="the number of images is 0"):
        annealed_bound(model, torch.zeros(0, 1, 3, 4, dtype=torch.float64))
    with pytest.raises(UserError, match="n_images is 1, but must be >= 2"):
        bidirectional_bounds(model, n_images=1)
    codebook = VAE(posterior=Codebook(size=8), prior=UniformCodes()).build(image)
    ladder = Ladder(groups=(1, 1)).build(ImageFormat(1, 16, 16))
    for refused, why in ((codebook, "codebook"), (ladder, "depend on each other")):
        with pytest.raises(UserError, match=why):
            bidirectional_bounds(refused)
    with pytest.raises(UserError, match="codebook"):
        annealed_bound(codebook, grey.round())
