"""Likelihoods: masses sum to one, densities integrate to one, and samples follow them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Distribution

from vaelab import VAE, Dreg, Elbo, Experiment, ImageFormat, Iwae, Ladder, UserError
from vaelab.codec import decode, encode
from vaelab.likelihoods import (
    Bernoulli,
    Beta,
    CategoricalPixels,
    ContinuousBernoulli,
    DiscretisedLogistic,
    GaussianPixels,
    Laplace,
    LearnedGaussian,
    LikelihoodSpec,
    LogCosh,
    OptimalGaussian,
    Ordinal,
)
from vaelab.spec import members

ALL: list[Any] = [part for part in members(LikelihoodSpec, own=True) if part.images]  # type: ignore[attr-defined]
GAUSSIANS = (GaussianPixels, LearnedGaussian, OptimalGaussian)
LEVELS = torch.arange(256, dtype=torch.float64) / 255


def built(part: Any, channels: int = 1, size: int = 1) -> Any:
    """A likelihood in double precision and evaluation mode."""
    return part.build((channels, size, size)).double().eval()


def random_theta(likelihood: Any, *shape: int, channels: int = 1, size: int = 1, spread: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    outputs = likelihood.outputs(channels)
    return spread * torch.randn(*shape, outputs, size, size, generator=generator, dtype=torch.float64)


def lone_pixels(values: Tensor) -> Tensor:
    """A batch of images with one grey pixel each."""
    return values.reshape(-1, 1, 1, 1)


# Masses sum to one, densities integrate to one.


@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0, 30.0])
@pytest.mark.parametrize(
    "part", [DiscretisedLogistic(), DiscretisedLogistic(components=1), CategoricalPixels(), Ordinal()]
)
def test_masses_of_a_grey_pixel_sum_to_one(part: Any, spread: float) -> None:
    likelihood = built(part)
    p = likelihood(random_theta(likelihood, 7, 1, spread=spread))
    total = p.log_prob(lone_pixels(LEVELS)).exp().sum(1)
    torch.testing.assert_close(total, torch.ones(7, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.fixture(scope="module")
def colour() -> tuple[Distribution, Tensor]:
    """A two-component mixture for a colour pixel, and its mass of all 256^3 colours in 16 x 16 x 16 cells."""
    likelihood = built(DiscretisedLogistic(components=2), channels=3)
    p = likelihood(random_theta(likelihood, 1, channels=3))
    cells = torch.zeros(16, 16, 16, dtype=torch.float64)
    for red, green in itertools.product(range(256), range(0, 256, 64)):
        plane = torch.cartesian_prod(LEVELS[red, None], LEVELS[green : green + 64], LEVELS)
        mass = p.log_prob(plane[:, :, None, None]).exp().reshape(4, 16, 16, 16).sum((1, 3))
        cells[red // 16, green // 16 : green // 16 + 4] += mass
    return p, cells


def test_masses_of_a_colour_pixel_sum_to_one(colour: tuple[Distribution, Tensor]) -> None:
    assert colour[1].sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0, 30.0])
def test_summing_out_a_channel_leaves_the_mass_of_those_before_it(spread: float) -> None:
    """Colours thus sum to one because grey pixels do, and no channel depends on a later one."""
    colour, two, grey = (built(DiscretisedLogistic(), channels) for channels in (3, 2, 1))
    theta = random_theta(colour, 1, channels=3, spread=spread)
    # logit, locations 1 2 3, scales 1 2 3, coefficients 21 31 32
    components = theta.unflatten(1, (5, 10))
    p, q, r = (
        colour(theta),
        two(components[:, :, [0, 1, 2, 4, 5, 7]].flatten(1, 2)),
        grey(components[:, :, [0, 1, 4]].flatten(1, 2)),
    )
    for red, green in ((0, 255), (255, 3), (100, 120)):
        blues = torch.cartesian_prod(LEVELS[red, None], LEVELS[green, None], LEVELS)[:, :, None, None]
        greens = torch.cartesian_prod(LEVELS[red, None], LEVELS)[:, :, None, None]
        torch.testing.assert_close(p.log_prob(blues).logsumexp(0), q.log_prob(blues[:1, :2])[0])
        torch.testing.assert_close(q.log_prob(greens).logsumexp(0), r.log_prob(greens[:1, :1])[0])


def test_masses_of_two_categorical_channels_sum_to_one() -> None:
    likelihood = built(CategoricalPixels(), channels=2)
    p = likelihood(random_theta(likelihood, 1, channels=2, spread=3))
    both = torch.cartesian_prod(LEVELS, LEVELS)[:, :, None, None]
    assert p.log_prob(both).exp().sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("theta", [0.0, 1e-8, 1e-3, -0.49, 0.51, 3.0, -17.0, 30.0, -30.0, 90.0])
def test_continuous_bernoulli_integrates_to_one(theta: float, dtype: torch.dtype) -> None:
    """torch's own distribution integrates to 0.53 at a logit of 30 in float32."""
    p = ContinuousBernoulli().build((1, 1, 1))(torch.full((1, 1, 1), theta, dtype=dtype))
    x = torch.linspace(0, 1, 200_001, dtype=torch.float64)
    density = p.log_prob(lone_pixels(x.to(dtype))).double().exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=2e-5)
    assert p.mean.item() == pytest.approx(torch.trapezoid(x * density, x).item(), abs=2e-5)


def test_continuous_bernoulli_is_smooth_where_its_formulas_meet() -> None:
    theta = torch.tensor([0.5 - 1e-9, 0.5 + 1e-9], dtype=torch.float64).requires_grad_()
    p = ContinuousBernoulli().build((1, 1, 1))(theta[:, None, None, None])
    score = p.log_prob(torch.full((2, 1, 1, 1), 0.3, dtype=torch.float64))
    (slope,) = torch.autograd.grad(score.sum(), theta)
    torch.testing.assert_close(score[0], score[1], atol=2e-9, rtol=0)
    torch.testing.assert_close(slope[0], slope[1], atol=1e-8, rtol=0)
    torch.testing.assert_close(p.mean[0], p.mean[1], atol=2e-7, rtol=0)
    # The derivative of an exponential family's log-likelihood is x minus the mean.
    torch.testing.assert_close(slope, 0.3 - p.mean.flatten(), atol=2e-7, rtol=0)


@pytest.mark.parametrize("part", GAUSSIANS)
def test_gaussians_integrate_to_one(part: Any) -> None:
    p = built(part())(torch.full((1, 1, 1), 0.4, dtype=torch.float64))
    x = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    assert torch.trapezoid(p.log_prob(lone_pixels(x)).exp(), x).item() == pytest.approx(1, abs=1e-6)


# Absolute errors, log-cosh errors.


def column(part: Any, x: Tensor, location: float = 0.3) -> Tensor:
    """The log density of each number under a likelihood of one column."""
    log_p: Tensor = part.build((1,)).double()(torch.full((1,), location, dtype=torch.float64)).log_prob(x[:, None])
    return log_p


@pytest.mark.parametrize(
    ("part", "reference"),
    [
        (Laplace(scale=0.4), stats.laplace(0.3, 0.4)),
        (LogCosh(alpha=0.5, scale=0.4), stats.logistic(0.3, 0.4)),
        (LogCosh(alpha=1.0, scale=0.4), stats.hypsecant(0.3, 0.4)),
        # Limits: an absolute error, and a squared one.
        (LogCosh(alpha=1e5, scale=0.4), stats.laplace(0.3, 0.4)),
        (LogCosh(alpha=1e-5, scale=0.4), stats.norm(0.3, 0.4 / 1e-5**0.5)),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_special_cases_are_those_of_scipy(part: Any, reference: Any) -> None:
    x = torch.linspace(-3, 3, 31, dtype=torch.float64)
    torch.testing.assert_close(column(part, x), torch.from_numpy(reference.logpdf(x.numpy())), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.05, 0.5, 3.0, 10.0, 100.0])
def test_the_log_cosh_loss_integrates_to_one_with_its_normaliser_and_is_drawn_from(alpha: float) -> None:
    part = LogCosh(alpha=alpha, scale=0.4)
    x = torch.linspace(-60, 60, 400_001, dtype=torch.float64)
    density = column(part, x).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-6)
    p: Any = LogCosh(alpha=alpha, scale=0.4).build((1,))(torch.full((1,), 0.3)).base_dist  # float32, as in training
    variance = torch.trapezoid(density * (x - 0.3).square(), x).item()
    assert p.variance.item() == pytest.approx(variance, rel=1e-4)
    # Differences of log densities are differences of the loss that other libraries have, with errors in units of s.
    t = (torch.tensor([0.9, -2.0], dtype=torch.float64) - 0.3) / 0.4
    loss = (alpha * t).cosh().log() / alpha if alpha < 50 else t.abs() - math.log(2) / alpha
    torch.testing.assert_close(column(part, t * 0.4 + 0.3).diff(), -loss.diff())
    torch.manual_seed(5)
    cumulative = torch.cumulative_trapezoid(density, x)
    drawn = p.sample((50_000,)).double().flatten().numpy()
    assert stats.kstest(drawn, lambda at: np.interp(at, x[1:].numpy(), cumulative.numpy())).pvalue > 1e-3


def test_a_learned_scale_is_optimal_at_the_mean_absolute_error() -> None:
    likelihood = built(Laplace(), channels=3, size=4)
    theta, x = torch.randn(2, 5, 3, 4, 4, dtype=torch.float64), torch.rand(5, 3, 4, 4, dtype=torch.float64)
    likelihood.log_scale.data.copy_((theta - x).abs().mean().log())
    (slope,) = torch.autograd.grad(-likelihood(theta).log_prob(x).mean(), likelihood.log_scale)
    assert slope.item() == pytest.approx(0, abs=1e-10)
    assert not list(Laplace(scale=0.1).build((3, 4, 4)).parameters())
    assert Laplace(shared=False).build((3,)).log_scale.shape == (3,)


# Beta pixels.


@pytest.mark.parametrize(("m", "c"), [(0.0, 0.0), (-2.0, 3.0), (1.0, -3.0), (0.5, 8.0), (-30.0, 0.0)])
def test_the_beta_density_is_scipys_with_pixels_half_a_level_inside(m: float, c: float) -> None:
    p = built(Beta())(torch.tensor([m, c], dtype=torch.float64).reshape(2, 1, 1))
    mean, phi = 1 / (1 + math.exp(-max(m, -24.444))), 2 * math.exp(c)
    a, b = mean * phi, phi / (1 + math.exp(max(m, -24.444)))
    if m > -20:  # beyond, the logit is bounded
        u = (LEVELS * 255 + 0.5) / 256
        expected = stats.beta(a, b).logpdf(u.numpy()) + math.log(255 / 256)
        torch.testing.assert_close(p.log_prob(lone_pixels(LEVELS)), torch.from_numpy(expected), atol=1e-9, rtol=1e-9)
        assert p.mean.item() == pytest.approx((256 * mean - 0.5) / 255, abs=1e-12)
    # Elsewhere the density may be infinite at its ends.
    x = torch.linspace(-0.5 / 255, 255.5 / 255, 256 * 400 + 1, dtype=torch.float64)
    if a > 1 and b > 1:
        assert torch.trapezoid(p.log_prob(lone_pixels(x)).exp()[1:-1], x[1:-1]).item() == pytest.approx(1, abs=1e-5)
    assert p.log_prob(lone_pixels(LEVELS)).isfinite().all()
    assert (p.log_prob(lone_pixels(torch.tensor([-0.002, 1.002], dtype=torch.float64))) == -math.inf).all()


def test_a_beta_density_starts_uniform() -> None:
    p = built(Beta())(torch.zeros(2, 1, 1, dtype=torch.float64))
    expected = torch.full((256,), math.log(255 / 256), dtype=torch.float64)
    torch.testing.assert_close(p.log_prob(lone_pixels(LEVELS)), expected)


# Ordered levels.


def test_two_ordered_levels_are_bernoulli() -> None:
    theta = torch.linspace(-4, 4, 9, dtype=torch.float64).reshape(-1, 1, 1, 1)
    x = torch.tensor([0.0, 0.4, 0.6, 1.0], dtype=torch.float64).reshape(-1, 1, 1, 1, 1)
    torch.testing.assert_close(
        built(Ordinal(levels=2))(theta).log_prob(x), built(Bernoulli())(theta).log_prob(x.round())
    )


@pytest.mark.parametrize("levels", [3, 16])
def test_ordered_levels_have_the_differences_of_sigmoids_at_increasing_thresholds(levels: int) -> None:
    torch.manual_seed(0)
    likelihood = built(Ordinal(levels=levels))
    likelihood.thresholds.log_gaps.data.normal_(0, 3)
    cuts = likelihood.thresholds().detach()
    assert len(cuts) == levels - 1
    assert (cuts.diff() > 0).all()
    assert cuts.mean().item() == pytest.approx(0, abs=1e-12)
    theta = torch.linspace(-5, 5, 7, dtype=torch.float64).reshape(-1, 1, 1, 1)
    below = (torch.cat([torch.tensor([-math.inf]), cuts, torch.tensor([math.inf])]) - theta.reshape(-1, 1)).sigmoid()
    values = torch.arange(levels, dtype=torch.float64) / (levels - 1)
    mass = likelihood(theta).log_prob(values.reshape(-1, 1, 1, 1, 1)).exp().T
    torch.testing.assert_close(mass, below.diff(dim=1))
    torch.testing.assert_close(mass.sum(1), torch.ones(7, dtype=torch.float64))
    torch.testing.assert_close((mass * values).sum(1), likelihood(theta).mean.flatten())


# Sigma.


def test_learned_sigma_is_optimal_at_the_root_mean_squared_error() -> None:
    likelihood = built(LearnedGaussian(), channels=3, size=4)
    theta, x = torch.randn(2, 5, 3, 4, 4, dtype=torch.float64), torch.rand(5, 3, 4, 4, dtype=torch.float64)
    optimum = (theta - x).square().mean().log() / 2
    slopes = []
    for log_sigma in (optimum - 0.1, optimum, optimum + 0.1):
        likelihood.log_sigma.data.copy_(log_sigma)
        loss = -likelihood(theta).log_prob(x).mean()
        slopes.append(torch.autograd.grad(loss, likelihood.log_sigma)[0].item())
    assert slopes[0] < -1
    assert slopes[1] == pytest.approx(0, abs=1e-10)
    assert slopes[2] > 1


@pytest.fixture
def batch() -> tuple[Any, Tensor, Tensor]:
    """An optimal-sigma likelihood in training mode, with two draws for each of five colour images, and the images."""
    torch.manual_seed(0)
    likelihood = OptimalGaussian().build((3, 4, 4)).double().train()
    theta = torch.randn(2, 5, 3, 4, 4, dtype=torch.float64).requires_grad_()
    return likelihood, theta, torch.rand(5, 3, 4, 4, dtype=torch.float64)


def test_optimal_sigma_matches_its_closed_form(batch: tuple[Any, Tensor, Tensor]) -> None:
    likelihood, theta, x = batch
    error = (theta - x).square().mean()
    closed = 48 / 2 * (2 * math.pi * math.e * error).log()
    score = -likelihood(theta).log_prob(x)
    assert score.shape == (2, 5)
    torch.testing.assert_close(score.mean(), closed)
    # The gradients agree although only one of them treats sigma as a constant.
    ours, reference = torch.autograd.grad(score.mean(), theta)[0], torch.autograd.grad(closed, theta)[0]
    assert reference.abs().min() > 0
    torch.testing.assert_close(ours, reference)


def test_optimal_sigma_keeps_an_average_for_evaluation(batch: tuple[Any, Tensor, Tensor]) -> None:
    likelihood, theta, x = batch
    average = None
    for step in range(30):
        likelihood.train()
        scaled = theta * (1 + step)
        likelihood(scaled).log_prob(x).sum().backward()
        error = (scaled - x).square().mean().item()
        rate = max(1 / (step + 1), 0.05)
        average = error if average is None else average + rate * (error - average)
        assert likelihood.variance.item() == pytest.approx(average, rel=1e-9)

    likelihood.eval()
    p = likelihood(theta)
    alone, together = p.log_prob(x[:1])[:, 0], p.log_prob(x)[:, 0]
    assert torch.equal(alone, together)  # the score does not depend on the rest of the batch
    expected = torch.distributions.Normal(theta, math.sqrt(average)).log_prob(x).sum((-3, -2, -1))
    torch.testing.assert_close(p.log_prob(x), expected)
    assert likelihood.variance.item() == pytest.approx(average, rel=1e-9)  # unchanged by evaluation


def test_optimal_sigma_is_saved_with_the_model(batch: tuple[Any, Tensor, Tensor]) -> None:
    likelihood, theta, x = batch
    likelihood(theta).log_prob(x)
    again = OptimalGaussian().build((3, 4, 4)).double().eval()
    again.load_state_dict(likelihood.state_dict())
    assert torch.equal(again(theta).log_prob(x), likelihood.eval()(theta).log_prob(x))


def test_optimal_sigma_survives_a_perfect_image_and_a_batch_scored_twice(batch: tuple[Any, Tensor, Tensor]) -> None:
    likelihood, theta, x = batch
    p = likelihood(theta)
    (p.log_prob(x).sum() + p.log_prob(x).sum()).backward()
    torch.testing.assert_close(p.expand((3, 2, 5)).log_prob(x)[1], p.log_prob(x))
    perfect = x.clone().requires_grad_()
    score = likelihood(perfect).log_prob(x).sum()
    score.backward()
    assert score.isfinite()
    assert perfect.grad.isfinite().all()


# Samples and means.


def agrees(counts: Tensor, mass: Tensor) -> bool:
    """Whether counts agree with a mass, by Pearson's statistic over cells with expected counts of at least ten."""
    expected = mass * counts.sum()
    often = expected >= 10
    # All other cells are merged into one.
    observed = torch.cat([counts[often], counts[~often].sum()[None]])
    meant = torch.cat([expected[often], expected[~often].sum()[None]])
    statistic = ((observed - meant).square() / meant.clamp(min=1)).sum()
    freedom = len(observed) - 1
    return bool(statistic < freedom + 5 * math.sqrt(2 * freedom) + 10)


def histogram(pixels: Tensor) -> Tensor:
    """The counts of the 256 values."""
    levels = pixels.flatten() * 255
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert 0 <= levels.min() <= levels.max() <= 255.001
    return torch.bincount(levels.round().long(), minlength=256).double()


@pytest.mark.parametrize("narrower", [0.0, 6.0])
@pytest.mark.parametrize("part", [DiscretisedLogistic(), CategoricalPixels(), Ordinal()])
def test_samples_of_a_grey_pixel_follow_the_mass(part: Any, narrower: float) -> None:
    torch.manual_seed(1)
    likelihood = built(part)
    theta = random_theta(likelihood, 1, spread=1.5)
    if isinstance(part, DiscretisedLogistic):
        theta[:, 2::3] -= narrower  # the scales: one or two bins wide, so that an error of half a bin would show
    p = likelihood(theta)
    mass = p.log_prob(lone_pixels(LEVELS)).exp()
    assert agrees(histogram(p.sample((200_000,))), mass)
    assert not agrees(histogram(likelihood(theta * 0.9).sample((200_000,))), mass)


@pytest.mark.parametrize("part", [DiscretisedLogistic(), CategoricalPixels(), Ordinal()])
def test_a_pixel_is_read_as_the_nearest_value(part: Any) -> None:
    likelihood = built(part)
    p = likelihood(random_theta(likelihood, 1))
    exact = p.log_prob(lone_pixels(LEVELS))
    for off in (-0.4 / 255, 0.4 / 255):
        assert torch.equal(p.log_prob(lone_pixels(LEVELS + off)), exact)
    bytes_as_pixels = torch.arange(256, dtype=torch.uint8).float() / 255
    assert torch.equal(p.log_prob(lone_pixels(bytes_as_pixels).double()), exact)


def test_samples_of_a_colour_pixel_follow_the_mass(colour: tuple[Distribution, Tensor]) -> None:
    torch.manual_seed(2)
    p, mass = colour
    draws = p.sample((300_000,)).reshape(-1, 3)

    def counts(colours: Tensor) -> Tensor:
        cell = (colours * 255).round().long() // 16
        return torch.bincount((cell * torch.tensor([256, 16, 1])).sum(1), minlength=16**3).double()

    assert agrees(counts(draws), mass.flatten())
    # Independently drawn channels do not agree with this mass.
    independent = torch.stack([draws[:, 0], draws[:, 1].roll(1), draws[:, 2].roll(2)], 1)
    assert not agrees(counts(independent), mass.flatten())


@pytest.mark.parametrize("theta", [0.0, 0.3, -4.0, 30.0])
def test_samples_of_the_continuous_bernoulli_follow_its_density(theta: float) -> None:
    torch.manual_seed(3)
    p = built(ContinuousBernoulli())(torch.full((1, 1, 1), theta, dtype=torch.float64))
    draws = p.sample((200_000,)).flatten()
    assert 0 <= draws.min() <= draws.max() <= 1
    edges = torch.linspace(0, 1, 51, dtype=torch.float64)
    middle = edges[:-1, None] + torch.linspace(0, 0.02, 201, dtype=torch.float64)
    mass = torch.trapezoid(p.log_prob(lone_pixels(middle.flatten())).exp().reshape(50, 201), middle)
    counts = torch.histc(draws, 50, 0, 1)
    assert agrees(counts, mass)


@pytest.mark.parametrize("part", ALL)
def test_the_mean_matches_samples(part: Any) -> None:
    torch.manual_seed(4)
    likelihood = built(part(), channels=3, size=2)
    theta = random_theta(likelihood, 2, channels=3, size=2, spread=0.7)
    p = likelihood(theta)
    draws = p.sample((20_000,))
    assert draws.shape == (20_000, 2, 3, 2, 2)
    error = 5 * draws.std(0) / math.sqrt(20_000)
    # Later channels of the logistic mixture use the mean of earlier ones, which is an approximation.
    slack = 0.05 if part is DiscretisedLogistic else 1e-6
    assert ((p.mean - draws.mean(0)).abs() < error + slack).all()


@pytest.mark.parametrize("theta", [-3.0, 0.0, 3.0])
def test_the_mean_of_a_grey_logistic_mixture_counts_its_tails(theta: float) -> None:
    """Locations far below the range, typical of black pixels, count as black."""
    likelihood = built(DiscretisedLogistic(components=3))
    parameters = random_theta(likelihood, 1)
    parameters[:, 1] += theta
    p = likelihood(parameters)
    exact = (p.log_prob(lone_pixels(LEVELS)).exp() * LEVELS).sum()
    assert p.mean.item() == pytest.approx(exact.item(), abs=1e-3)


# The start, and extremes.


def test_an_untrained_decoder_starts_at_the_middle_of_the_range() -> None:
    discrete = (DiscretisedLogistic(), DiscretisedLogistic(components=1), CategoricalPixels(), Ordinal())
    for part in (ContinuousBernoulli(), Beta(), *discrete):
        likelihood = built(part, channels=3)
        p = likelihood(torch.zeros(1, likelihood.outputs(3), 1, 1, dtype=torch.float64))
        torch.testing.assert_close(p.mean, torch.full((1, 3, 1, 1), 0.5, dtype=torch.float64))
    for part in GAUSSIANS:
        assert built(part(), channels=3)(torch.zeros(1, 3, 1, 1)).mean.abs().max() == 0
    # The scale is a tenth of the range; the standard deviation of a logistic is pi / sqrt(3) times its scale.
    lone = built(DiscretisedLogistic(components=1))
    mass = lone(torch.zeros(1, 3, 1, 1, dtype=torch.float64)).log_prob(lone_pixels(LEVELS)).exp()
    deviation = (mass * (LEVELS - 0.5).square()).sum().sqrt().item()
    assert deviation == pytest.approx(0.1 * math.pi / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize(("part", "off"), [(CategoricalPixels(), 1e-12), (Ordinal(), 1e-4)])
def test_bits_per_dimension_are_eight_where_all_values_are_equally_likely(part: Any, off: float) -> None:
    likelihood = built(part, channels=3, size=5)
    p = likelihood(torch.zeros(2, likelihood.outputs(3), 5, 5, dtype=torch.float64))
    bits = -p.log_prob(torch.rand(2, 3, 5, 5, dtype=torch.float64)) / (75 * math.log(2))
    torch.testing.assert_close(bits, torch.full((2,), 8.0, dtype=torch.float64), atol=off, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("part", ALL)
def test_scores_and_gradients_are_finite_at_the_extremes(
    part: Any, channels: int, training: bool, dtype: torch.dtype
) -> None:
    likelihood = part().build((channels, 8, 8)).to(dtype).train(training)
    outputs = likelihood.outputs(channels)
    generator = torch.Generator().manual_seed(5)
    mixed = 30 * torch.randint(-1, 2, (1, 2, outputs, 8, 8), generator=generator)
    for theta in (mixed, torch.full_like(mixed, 30), torch.full_like(mixed, -30), torch.zeros_like(mixed)):
        parameters = theta.to(dtype).requires_grad_()
        for x in (torch.zeros(2, channels, 8, 8), torch.ones(2, channels, 8, 8), torch.rand(2, channels, 8, 8)):
            p = likelihood(parameters)
            score = p.log_prob(x.to(dtype))
            assert score.isfinite().all()
            (gradient,) = torch.autograd.grad(score.sum(), parameters)
            assert gradient.isfinite().all()
            assert p.mean.isfinite().all()
            assert p.sample().isfinite().all()


def test_float32_matches_float64() -> None:
    """In the tails of a narrow mixture, a difference of two sigmoids would be 0 and its logarithm infinite."""
    for part in (DiscretisedLogistic(), CategoricalPixels(), ContinuousBernoulli(), Beta(), Ordinal(), LogCosh()):
        likelihood = built(part, channels=3, size=6)
        theta = random_theta(likelihood, 2, channels=3, size=6, spread=5)
        x = torch.rand(2, 3, 6, 6)
        exact = likelihood(theta).log_prob(x.double())
        single = likelihood.float()(theta.float()).log_prob(x)
        torch.testing.assert_close(single.double(), exact, rtol=2e-5, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("part", ALL)
def test_every_channel_and_weight_has_a_gradient(part: Any, channels: int) -> None:
    likelihood = part().build((channels, 3, 5)).double().train()
    theta = torch.randn(2, 4, likelihood.outputs(channels), 3, 5, dtype=torch.float64).requires_grad_()
    x = torch.randint(1, 255, (4, channels, 3, 5)).double() / 255
    score = likelihood(theta).log_prob(x)
    assert score.shape == (2, 4)
    score.sum().backward()
    assert (theta.grad.abs().sum((0, 1, 3, 4)) > 0).all()
    for name, weight in likelihood.named_parameters():
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("part", ALL)
def test_each_image_is_scored_under_its_own_parameters(part: Any) -> None:
    likelihood = built(part(), channels=2, size=3)
    theta = random_theta(likelihood, 3, 4, channels=2, size=3)
    x = torch.rand(4, 2, 3, 3, dtype=torch.float64)
    together = likelihood(theta).log_prob(x)
    for s, b in itertools.product(range(3), range(4)):
        p: Distribution = likelihood(theta[s, b])
        assert p.batch_shape == ()
        assert p.event_shape == (2, 3, 3)
        torch.testing.assert_close(p.log_prob(x[b]), together[s, b])
        torch.testing.assert_close(p.expand((2,)).log_prob(x[b]), together[s, b].expand(2))


def test_later_channels_depend_on_earlier_ones() -> None:
    """Checks the order of the coefficients: a_21, a_31, a_32."""
    likelihood = built(DiscretisedLogistic(components=1), channels=3)
    theta = torch.zeros(1, 10, 1, 1, dtype=torch.float64)
    theta[:, 4:7] = -5  # narrow
    theta[:, 1] = 0.8  # red is near 0.9
    theta[:, 9] = 20  # only blue depends on green
    theta[:, 2] = -0.4  # green is near 0.3
    red, green, blue = likelihood(theta).sample((2000,)).reshape(-1, 3).unbind(1)
    assert red.mean().item() == pytest.approx(0.9, abs=0.01)
    assert green.mean().item() == pytest.approx(0.3, abs=0.01)
    assert blue.mean().item() == pytest.approx(0.3, abs=0.01)
    correlation = torch.corrcoef(torch.stack([red, green, blue]))
    assert correlation[1, 2] > 0.5
    assert correlation[0, 1:].abs().max() < 0.1


# Names.


@pytest.mark.parametrize("part", ALL)
def test_names_of_scores(part: Any) -> None:
    likelihood = built(part())
    grey = "cross-entropy" if part is Bernoulli else "negative log-likelihood"
    assert likelihood.score_name(binary=False) == grey
    assert likelihood.score_name(binary=True) == "negative log-likelihood"
    mass = part in (DiscretisedLogistic, CategoricalPixels, Ordinal)
    assert likelihood.discrete(binary=False) == mass
    assert likelihood.discrete(binary=True) == (mass or part is Bernoulli)
    # `parameters` is still the method of torch.
    assert all(isinstance(weight, torch.nn.Parameter) for weight in likelihood.parameters())


@pytest.mark.parametrize("part", [*(part() for part in ALL), DiscretisedLogistic(components=3)])
def test_specs_survive_json(part: Any) -> None:
    assert decode(LikelihoodSpec, encode(part)) == part


def test_an_empty_mixture_is_refused() -> None:
    with pytest.raises(UserError, match=r"DiscretisedLogistic\.components is 0, but must be >= 1"):
        DiscretisedLogistic(components=0)


@pytest.mark.parametrize("objective", [Iwae(), Dreg()])
def test_a_sigma_that_is_fitted_to_the_batch_is_refused_in_importance_weights(objective: Any) -> None:
    """The derivative with respect to sigma, which is left out, is zero for a mean of log p, but not for log mean p."""
    for model in (VAE(likelihood=OptimalGaussian()), Ladder(likelihood=OptimalGaussian())):
        with pytest.raises(UserError, match=r"which needs .*a likelihood that is not fitted to each batch"):
            Experiment(model=model, objective=objective).check(ImageFormat(1, 28, 28))
    Experiment(model=VAE(likelihood=OptimalGaussian()), objective=Elbo(samples=5)).check(ImageFormat(1, 28, 28))
