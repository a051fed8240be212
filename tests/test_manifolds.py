"""Latents that are not real vectors: on the sphere, in the Poincare ball, over positive numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import special, stats
from torch import Tensor
from torch.distributions import Gamma, Independent, Normal, StudentT, kl_divergence
from torch.testing import assert_close

from vaelab import (
    VAE,
    Budget,
    Dreg,
    Elbo,
    Experiment,
    FigureSource,
    GammaPosterior,
    GammaPrior,
    Gaussian,
    Iwae,
    MeasuredModel,
    Mlp,
    Need,
    PoincareNormal,
    StandardNormal,
    StudentTPosterior,
    Threshold,
    UniformSphere,
    UserError,
    VonMisesFisher,
    WrappedNormal,
    evaluate,
    exact_evidence,
    importance_bound,
    open_data,
)
from vaelab.data import ImageFormat
from vaelab.distributions import poincare, sphere
from vaelab.distributions.bessel import bessel
from vaelab.metrics.evidence import annealed_bound
from vaelab.sizes import PriorSizes

IMAGES = ImageFormat(1, 4, 4)
PAIRS: list[tuple[Any, Any]] = [
    (VonMisesFisher(), UniformSphere()),
    (WrappedNormal(0.7), PoincareNormal(0.7)),
    (GammaPosterior(), GammaPrior()),
]


def named(pair: Any) -> str:
    return type(pair[0]).__name__


def f64(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def model_of(pair: tuple[Any, Any], latent: int = 2) -> Any:
    torch.manual_seed(0)
    return VAE(latent, network=Mlp(hidden=(8,)), posterior=pair[0], prior=pair[1]).build(IMAGES)


# The sphere.


@pytest.mark.parametrize("dimensions", [2, 3, 10, 64, 500])
def test_bessel_functions_agree_with_scipy_at_every_size_of_the_argument(dimensions: int) -> None:
    order = dimensions / 2 - 1
    for x in (0.01, 0.5, 3.0, 30.0, 300.0, 1e4, 1e6):
        # scipy underflows for a high order of a small argument, where the series has few terms.
        term = total = 1.0
        for k in range(1, 60):
            term *= x * x / 4 / (k * (order + k))
            total += term
        theirs = special.gammaln(order + 1) + order * math.log(2 / x) + math.log(max(special.ive(order, x), 1e-300))
        log_f = math.log(total) - x if x <= 3 else theirs
        log_series, below_one = bessel(order, f64(x))
        assert log_series.item() == pytest.approx(log_f, abs=1e-9, rel=1e-12)
        if x > 3:
            ratio = special.ive(order + 1, x) / special.ive(order, x)
            assert 1 - below_one.item() == pytest.approx(ratio, rel=1e-10)
        single, alone = bessel(order, torch.tensor([x]))
        assert_close(single.double(), log_series, atol=5e-5, rtol=1e-6)
        assert_close(alone.double(), below_one, atol=0, rtol=1e-5)


def test_the_slope_of_the_normaliser_is_the_mean_length() -> None:
    """d log C / dkappa = -A(kappa), by automatic differentiation, and A' by finite differences."""
    for dimensions in (2, 5, 200):
        kappa = f64(0.3, 7.0, 900.0).requires_grad_()
        log_series, depth = bessel(dimensions / 2 - 1, kappa)
        assert_close(torch.autograd.grad(log_series.sum(), kappa, retain_graph=True)[0], -depth)
        (slope,) = torch.autograd.grad(depth.sum(), kappa)
        step = 1e-5 * kappa.detach()
        with torch.no_grad():
            ends = [bessel(dimensions / 2 - 1, kappa + sign * step)[1] for sign in (1, -1)]
        assert_close(slope, (ends[0] - ends[1]) / (2 * step), atol=0, rtol=1e-6)


def points_of_the_sphere(dimensions: int) -> tuple[Tensor, Tensor]:
    """Unit vectors of two or three numbers, and the area of the cell of each."""
    angle = torch.linspace(0, 2 * math.pi, 401, dtype=torch.float64)[1:]
    circle, step = torch.stack([angle.cos(), angle.sin()], 1), 2 * math.pi / 400
    if dimensions == 2:
        return circle, torch.full((400,), step, dtype=torch.float64)
    # Equal heights cut a sphere into bands of equal area.
    height = torch.linspace(-1, 1, 801, dtype=torch.float64)
    height = (height[1:] + height[:-1]) / 2
    radius = (1 - height.square()).sqrt()
    points = torch.cat([(radius[:, None, None] * circle), height[:, None, None].expand(-1, 400, 1)], -1)
    return points.flatten(0, 1), torch.full((800 * 400,), step / 400, dtype=torch.float64)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("kappa", [0.01, 2.0, 80.0])
def test_a_von_mises_fisher_density_has_its_integral_its_mean_and_its_kl_by_quadrature(
    dimensions: int, kappa: float
) -> None:
    torch.manual_seed(0)
    direction = torch.nn.functional.normalize(torch.randn(1, dimensions, dtype=torch.float64), dim=-1)
    q = sphere.VonMisesFisher(direction, f64(kappa))
    points, area = points_of_the_sphere(dimensions)
    density = q.log_prob(points).exp()
    assert_close((density * area).sum(), f64(1.0).squeeze(), atol=1e-4, rtol=0)
    assert_close((density * area) @ points, q.mean_length * direction[0], atol=1e-4, rtol=0)
    p = sphere.UniformOnSphere(torch.zeros(dimensions, dtype=torch.float64))
    assert_close((p.log_prob(points).exp() * area).sum(), f64(1.0).squeeze(), atol=1e-4, rtol=0)
    by_sum = (density * (q.log_prob(points) - p.log_prob(points)) * area).sum()
    assert_close(kl_divergence(q, p), by_sum[None], atol=2e-4, rtol=0)
    # The density of scipy.
    theirs = stats.vonmises_fisher(direction[0].numpy(), kappa).logpdf(points[::97].numpy())
    assert_close(q.log_prob(points[::97]), torch.from_numpy(theirs), atol=1e-9, rtol=0)


@pytest.mark.parametrize("dimensions", [2, 3, 8])
def test_draws_from_the_sphere_follow_the_density_and_carry_exact_gradients(dimensions: int) -> None:
    """Mean and scatter of draws; the gradient of E f(z) against that of the exact moments, for direction and kappa."""
    torch.manual_seed(0)
    raw = torch.randn(dimensions, dtype=torch.float64, requires_grad=True)
    kappa = f64(3.0 * dimensions).squeeze().requires_grad_()
    q = sphere.VonMisesFisher(torch.nn.functional.normalize(raw, dim=-1), kappa)
    z = q.sample((40_000,))
    assert_close(z.norm(dim=-1), torch.ones(40_000, dtype=torch.float64))
    error = z.std(0) / 200
    assert ((z.mean(0) - q.mean_length * q.direction).abs() < 4 * error).all()
    # E w^2 = 1 - (D - 1) A / kappa, w the height.
    height = z @ q.direction.detach()
    expected = 1 - (dimensions - 1) * q.mean_length / kappa
    assert abs(height.square().mean() - expected) < 4 * height.square().std() / 200

    weight = torch.randn(dimensions, dtype=torch.float64)
    exact = torch.autograd.grad((q.mean_length * q.direction) @ weight, (raw, kappa), retain_graph=True)
    means = ((q.rsample((200,)) @ weight).mean() for _ in range(50))
    each = [torch.autograd.grad(mean, (raw, kappa), retain_graph=True) for mean in means]
    for number, wanted in enumerate(exact):
        found = torch.stack([gradients[number] for gradients in each])
        assert ((found.mean(0) - wanted).abs() < 4 * found.std(0) / 50**0.5 + 1e-12).all()


def test_the_gradient_of_a_draw_is_that_of_the_inverse_distribution_function() -> None:
    """In three dimensions the depth has the distribution function (1 - exp(-kappa u)) / (1 - exp(-2 kappa))."""
    for kappa in (0.1, 10.0, 1e4):
        k = torch.full((500,), kappa, dtype=torch.float64, requires_grad=True)
        torch.manual_seed(0)
        u = sphere._draw(k.detach(), 3)
        level = torch.expm1(-k.detach() * u) / torch.expm1(-2 * k.detach())
        by_inverse = -torch.log1p(level * torch.expm1(-2 * k)) / k
        (exact,) = torch.autograd.grad(by_inverse.sum(), k)
        ours = sphere._slope(u, k.detach(), bessel(0.5, k.detach())[1], 3)
        assert_close(ours, exact, atol=0, rtol=1e-6)


def test_float32_keeps_a_density_on_the_sphere_for_every_concentration() -> None:
    for dimensions in (2, 40, 600):
        for kappa in (1e-4, 1.0, 1e3, 1e7):
            torch.manual_seed(0)
            direction = torch.nn.functional.normalize(torch.randn(50, dimensions), dim=-1).requires_grad_()
            concentration = torch.full((50,), kappa, requires_grad=True)
            q = sphere.VonMisesFisher(direction, concentration)
            z = q.rsample((4,))
            log_q = q.log_prob(z)
            double = sphere.VonMisesFisher(direction.detach().double(), concentration.detach().double())
            assert_close(log_q.double(), double.log_prob(z.detach().double()), atol=0.02, rtol=1e-4)
            kl = kl_divergence(q, sphere.UniformOnSphere(torch.zeros(dimensions)))
            exact = kl_divergence(double, sphere.UniformOnSphere(torch.zeros(dimensions).double()))
            assert_close(kl.double(), exact, atol=2e-3, rtol=1e-4)
            (log_q.sum() + kl.sum() + z.sum()).backward()
            assert direction.grad is not None
            assert concentration.grad is not None
            assert direction.grad.isfinite().all()
            assert concentration.grad.isfinite().all()


def test_one_number_is_no_sphere() -> None:
    with pytest.raises(UserError, match="latent is 1, but VonMisesFisher needs unit vectors of at least 2 numbers"):
        model_of(PAIRS[0], latent=1)


# The ball.


def points_of_the_ball(curvature: float) -> tuple[Tensor, Tensor]:
    """Points of the disc by distance from the origin and angle, and the hyperbolic area of the cell of each."""
    root = curvature**0.5
    distance = torch.linspace(0, 11 / root, 601, dtype=torch.float64)
    distance, step = (distance[1:] + distance[:-1]) / 2, distance[1] - distance[0]
    angle = torch.linspace(0, 2 * math.pi, 361, dtype=torch.float64)[1:]
    radius = (root * distance / 2).tanh() / root
    points = radius[:, None, None] * torch.stack([angle.cos(), angle.sin()], -1)
    area = (root * distance).sinh() / root * step * (2 * math.pi / 360)
    return points.flatten(0, 1), area[:, None].expand(-1, 360).flatten()


@pytest.mark.parametrize("curvature", [0.3, 1.0, 2.5])
def test_a_wrapped_normal_integrates_to_one_over_the_hyperbolic_area_and_its_kl_is_that_of_its_draws(
    curvature: float,
) -> None:
    torch.manual_seed(0)
    centre = poincare.to_ball(f64(0.6, -0.9), curvature)
    q = poincare.WrappedNormal(centre, f64(0.5, 0.8), curvature)
    p = PoincareNormal(curvature, 1.2).build(PriorSizes((1, 4, 4), 2, 0, None)).double()()
    points, area = points_of_the_ball(curvature)
    q_mass = q.log_prob(points).exp() * area
    assert_close(q_mass.sum(), f64(1.0).squeeze(), atol=1e-3, rtol=0)
    assert_close((p.log_prob(points).exp() * area).sum(), f64(1.0).squeeze(), atol=1e-3, rtol=0)
    kl = (q_mass * (q.log_prob(points) - p.log_prob(points))).sum()
    z = q.rsample((20_000,))
    ratio = q.log_prob(z) - p.log_prob(z)
    assert abs(ratio.mean() - kl) < 4 * ratio.std() / 20_000**0.5 + 1e-3
    assert abs(z[:, 0].mean() - q_mass @ points[:, 0]) < 4 * z[:, 0].std() / 20_000**0.5


def test_a_wrapped_normal_is_the_same_seen_from_any_point_and_flat_for_no_curvature() -> None:
    """A translation of the ball keeps the density; with a curvature near zero it is normal, in units of 2 dz."""
    torch.manual_seed(0)
    tangent, scale = torch.randn(1000, 3, dtype=torch.float64), f64(0.4, 0.5, 0.9)
    q = poincare.WrappedNormal(poincare.to_ball(f64(0.5, 0.2, -1.0), 1.0), scale, 1.0)
    at_zero = poincare.WrappedNormal(torch.zeros(3, dtype=torch.float64), scale, 1.0)
    assert_close(q.log_prob(q.around(tangent)), at_zero.log_prob(at_zero.around(tangent)), atol=1e-6, rtol=0)
    assert_close(poincare.from_origin(at_zero.around(tangent), 1.0), tangent, atol=1e-8, rtol=0)
    flat = poincare.WrappedNormal(f64(0.3, 0.1, 0.0), scale, 1e-8)
    z = flat.around(tangent)
    assert_close(
        flat.log_prob(z), Normal(flat.centre, scale / 2).log_prob(z).sum(-1) - 3 * math.log(2), atol=1e-4, rtol=0
    )


def test_float32_stays_inside_the_ball() -> None:
    torch.manual_seed(0)
    for size in (1e-30, 1.0, 30.0, 1e6):
        centre = (size * torch.randn(40, 3)).requires_grad_()
        q = poincare.WrappedNormal(poincare.to_ball(centre, 1.0), torch.full((40, 3), 3.0), 1.0)
        z = q.rsample((5,))
        assert (z.norm(dim=-1) < 1).all()
        (q.log_prob(z).sum() + z.sum()).backward()
        assert q.log_prob(z).isfinite().all()
        assert centre.grad is not None
        assert centre.grad.isfinite().all()


def test_a_colder_prior_stays_closer_to_the_origin_of_the_ball() -> None:
    prior = PoincareNormal(2.0).build(PriorSizes((1, 4, 4), 3, 0, None))
    drawn = []
    for temperature in (0.5, 1.0):
        torch.manual_seed(0)
        drawn.append(poincare.from_origin(prior.draw(30, None, None, temperature), 2.0).norm(dim=-1))
    assert_close(2 * drawn[0], drawn[1], atol=1e-3, rtol=1e-3)


# Positive numbers and heavy tails.


def test_a_gamma_posterior_has_the_kl_of_its_quadrature() -> None:
    model = model_of(PAIRS[2]).double()
    trace = model(torch.rand(3, 1, 4, 4, dtype=torch.float64), None, 1)
    q, p = trace.latents[0].q.base_dist, Gamma(f64(2.0), f64(1.0))
    line = torch.linspace(-60, 6, 20_001, dtype=torch.float64)
    z = line.exp()[:, None, None]
    terms = q.log_prob(z).exp() * (q.log_prob(z) - p.log_prob(z)) * z
    assert_close(trace.kl[0, 0], torch.trapezoid(terms, line, dim=0).sum(-1), atol=1e-4, rtol=0)


def test_the_kl_from_students_t_to_a_normal_is_that_of_a_quadrature() -> None:
    q = StudentT(f64(4.2, 30.0), f64(1.0, -0.5), f64(0.3, 2.0))
    p = Normal(f64(0.2, 0.0), f64(1.5, 1.0))
    line = torch.sinh(torch.linspace(-18, 18, 40_001, dtype=torch.float64))[:, None]
    terms = q.log_prob(line).exp() * (q.log_prob(line) - p.log_prob(line))
    exact = torch.trapezoid(terms, line, dim=0)
    assert_close(kl_divergence(q, p), exact, atol=1e-5, rtol=0)
    assert_close(kl_divergence(Independent(q, 1), Independent(p, 1)), exact.sum(), atol=1e-5, rtol=0)


# Whole models.


def test_parts_over_different_spaces_are_refused_by_name() -> None:
    for posterior, prior, message in (
        (
            VonMisesFisher(),
            StandardNormal(),
            "prior is StandardNormal, over real vectors, but posterior is VonMisesFish",
        ),
        (
            Gaussian(),
            UniformSphere(),
            "prior is UniformSphere, over the unit sphere of curvature 1, but posterior is Gau",
        ),
        (WrappedNormal(), UniformSphere(), "choose two over the same space"),
        (WrappedNormal(2.0), PoincareNormal(), r"ball of curvature -1, but .* over the Poincare ball of curvature -2;"),
        (Gaussian(), GammaPrior(), "over vectors of positive numbers"),
    ):
        with pytest.raises(UserError, match=message):
            VAE(posterior=posterior, prior=prior).check(IMAGES)


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_what_needs_a_vector_space_is_refused_elsewhere(pair: tuple[Any, Any]) -> None:
    model = model_of(pair)
    x = torch.rand(2, 1, 4, 4).round()
    for metric in (exact_evidence, annealed_bound):
        with pytest.raises(UserError, match=r"latents lie in .*, so there is no density of z over a vector space"):
            metric(model, x)
    with pytest.raises(UserError, match="Dreg, which needs codes in a real vector space"):
        Experiment(model=model.spec, objective=Dreg()).check(IMAGES)
    for objective in (Elbo(), Iwae()):
        Experiment(model=model.spec, objective=objective).check(IMAGES)
    has = FigureSource(MeasuredModel(model)).has
    assert Need.plane in has
    assert Need.real_codes not in has


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_importance_samples_bound_the_integral_over_the_manifold(pair: tuple[Any, Any]) -> None:
    """log p(x) by the average of p(x | z) over draws of the prior, which knows nothing of any volume."""
    model = model_of(pair)
    for parameter in model.network.parameters():
        parameter.data.mul_(1.5)
    x = torch.rand(3, 1, 4, 4).round()
    with torch.no_grad():
        z = model.prior.draw(100_000, None, None, 1.0)
        scores = model.likelihood_at(z[:, None].expand(-1, 3, -1)).log_prob(x).double()
        log_p = scores.logsumexp(0) - math.log(100_000)
        effective = (2 * scores.logsumexp(0) - (2 * scores).logsumexp(0)).exp()
    bound = importance_bound(model, x, samples=20_000, seed=1)
    # The error of the log of an average of n weights is about (1 / effective - 1 / n)^(1/2).
    error = (1 / effective - 1 / 100_000 + 1 / bound.effective - 1 / 20_000).sqrt()
    assert error.max() < 0.03
    assert ((bound.log_p - log_p).abs() < 4 * error).all()
    assert (bound.elbo < log_p).all()


def test_a_model_on_the_sphere_is_evaluated_without_an_integral_over_the_plane() -> None:
    data = open_data("digits")
    model = VAE(2, network=Mlp(hidden=(8,)), posterior=VonMisesFisher(), prior=UniformSphere()).build(data.format)
    budget = Budget(n_costly=2, n_samples=5)
    evaluation = evaluate(model, data, Threshold(), only=["elbo", "evidence"], budget=budget)
    names = [number.name for number in evaluation.section("evidence").numbers]
    assert names == ["ELBO", "IWAE-5", "bits per dimension"]
    findings = " ".join(evaluation.section("evidence").findings)
    assert "log p(x) is not integrated" in findings
    assert "Annealing left out" in findings


@pytest.mark.parametrize("posterior", [GammaPosterior(), StudentTPosterior()], ids=lambda part: type(part).__name__)
def test_the_kl_of_a_posterior_is_the_mean_of_its_sampled_one(posterior: Any) -> None:
    prior = GammaPrior() if isinstance(posterior, GammaPosterior) else StandardNormal()
    model = model_of((posterior, prior))
    with torch.no_grad():
        trace = model(torch.rand(3, 1, 4, 4), None, 40_000)
    ratio = trace.latents[0].log_ratio()
    assert (trace.kl[0, 0] > 0).all()
    assert ((ratio.mean(0) - trace.kl[0, 0]).abs() < 5 * ratio.std(0) / 200).all()
