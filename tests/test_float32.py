"""Densities at the edge of float32: bounded log variances, and the KL of a residual normal."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from vaelab import VAE, Elbo, Flow, FlowPosterior, Ladder, Mlp, Vamp
from vaelab.data import ImageFormat
from vaelab.distributions import bounded, diagonal_normal, residual_normal, scale_of
from vaelab.likelihoods import Laplace, LearnedGaussian, LikelihoodSpec, LogCosh, StudentT
from vaelab.posteriors import PosteriorSpec
from vaelab.priors import ConditionalNormal, Mixture, PriorSpec, TwoStage
from vaelab.schedules import Progress
from vaelab.sizes import EUCLIDEAN
from vaelab.spec import members

IMAGES = ImageFormat(1, 4, 4, ("a", "b"))
LABELS = torch.tensor([0, 1, -1])
RAW = (-1e4, -170.0, -110.0, -25.0, 25.0, 110.0, 170.0, 1e4)

SMALL: dict[type, Any] = {
    FlowPosterior: FlowPosterior(transforms=1, hidden=(8,), context=4),
    Flow: Flow(transforms=1, hidden=(8,)),
    Vamp: Vamp(components=4),
}
OF_IMAGES: list[Any] = [part for part in members(LikelihoodSpec, own=True) if part.images]  # type: ignore[attr-defined]
POSTERIORS = [
    SMALL.get(part) or part()
    for part in members(PosteriorSpec, own=True)
    if part.space == EUCLIDEAN and part.has_density and not part.discrete
]
PRIORS = [
    SMALL.get(part) or part() for part in members(PriorSpec, own=True) if part.space == EUCLIDEAN and not part.discrete
]


def name(part: Any) -> str:
    return type(part).__name__


def set_scales(module: nn.Module, raw: float, mixed: bool = False) -> int:
    """Make the log variances and scales of a module `raw`, or `raw` and `-raw` in turn; returns how many it has."""
    found = 0
    for key, parameter in module.named_parameters():
        name, _, kind = key.rpartition(".")
        if (name or kind).rpartition(".")[2] not in ("log_variance", "log_scale", "log_sigma", "raw_scales"):
            continue
        if kind == "weight" and module.get_submodule(name).bias is not None:
            parameter.data.zero_()
            continue
        parameter.data.fill_(raw)
        if mixed and parameter.ndim:
            parameter.data[1::2] *= -1
        found += 1
    return found


def is_finite(model: Any, loss: Tensor, *values: Tensor) -> None:
    for value in (loss, *values):
        assert value.isfinite().all()
    loss.backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), key


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("part", POSTERIORS, ids=name)
def test_a_posterior_is_finite_for_any_log_variance(part: Any, bf16: bool) -> None:
    for raw, mixed, mean in itertools.product(RAW, (False, True), (0.0, 1e4)):
        torch.manual_seed(0)
        model: Any = VAE(3, network=Mlp(hidden=(8,)), posterior=part).build(IMAGES)
        assert set_scales(model.posterior, raw, mixed) == 1
        model.posterior.mean.bias.data.fill_(mean)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            trace = model(torch.rand(3, 1, 4, 4), None, 2)
        is_finite(model, Elbo()(trace, Progress(1, 0, 1, 1)), trace.kl, trace.log_weight, trace.latents[0].z)


@pytest.mark.parametrize("posterior", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("part", PRIORS, ids=name)
def test_a_prior_is_finite_for_any_log_variance_of_both(part: Any, posterior: float) -> None:
    for raw in RAW:
        torch.manual_seed(0)
        model: Any = VAE(3, conditional=True, network=Mlp(hidden=(8,)), prior=part).build(IMAGES)
        set_scales(model.posterior, posterior)
        # A flow has no log variances, and a VampPrior those of its posteriors.
        assert set_scales(model.prior, raw) == isinstance(part, ConditionalNormal | Mixture | TwoStage)
        trace = model(torch.rand(3, 1, 4, 4), LABELS, 2)
        p = trace.latents[0].p
        is_finite(model, trace.total.mean() - trace.log_weight.mean(), trace.kl, p.log_prob(100 * torch.randn(3, 3)))


@pytest.mark.parametrize("part", [part() for part in OF_IMAGES], ids=name)
def test_a_likelihood_is_finite_for_any_parameters(part: Any) -> None:
    for raw in RAW:
        likelihood = part.build((1, 4, 4))
        assert set_scales(likelihood, raw) == isinstance(part, LearnedGaussian | Laplace | LogCosh | StudentT)
        for size in (0.3, 1e4):
            theta = (size * torch.randn(2, likelihood.outputs(1), 4, 4)).requires_grad_()
            p = likelihood(theta)
            score = p.log_prob(torch.rand(2, 1, 4, 4).round())
            is_finite(likelihood, score.sum(), score, p.mean)
            assert theta.grad is not None
            assert theta.grad.isfinite().all()


def test_a_ladder_is_finite_for_any_log_scale() -> None:
    for raw in RAW:
        torch.manual_seed(0)
        model: Any = Ladder(groups=(1, 1), width=8, latent=2).build(IMAGES)
        for group in model.groups:
            group.prior.bias.data.fill_(raw)
            group.residual.bias.data.fill_(-raw)
        trace = model(torch.rand(3, 1, 4, 4), None, 2)
        is_finite(model, trace.kl.mean(), trace.kl, trace.log_weight)


def test_a_log_variance_within_the_bound_is_unchanged_to_the_last_bit() -> None:
    """Models that trained before there was a bound compute the same values and gradients."""
    v = torch.cat([torch.linspace(-20, 20, 4001), torch.randn(4000), torch.tensor([-20.0, 20.0])]).requires_grad_()
    weight = torch.randn_like(v)
    (slope,) = torch.autograd.grad((weight * bounded(v)).sum(), v)
    assert torch.equal(bounded(v), v)
    assert torch.equal(slope, weight)
    assert torch.equal(scale_of(v), (v / 2).exp())


def test_the_bound_is_smooth_and_has_a_slope_everywhere() -> None:
    v = torch.cat([-torch.logspace(5, -2, 5000), torch.zeros(1), torch.logspace(-2, 5, 5000)]).requires_grad_()
    values = bounded(v)
    (slope,) = torch.autograd.grad(values.sum(), v)
    assert (values.diff() >= 0).all()
    assert (values.abs() < 28.001).all()
    assert (slope > 0).all()
    # Continuous: between neighbours less than 2 % of 20 apart, the slope changes little.
    near = v.detach().abs() < 100
    assert slope[near].diff().abs().max() < 0.1
    for end in (-20.0, 20.0):
        beyond = torch.tensor(end * 1.001, requires_grad=True)
        assert torch.autograd.grad(bounded(beyond), beyond)[0].item() == pytest.approx(1, abs=0.01)


def test_a_diverged_log_variance_returns() -> None:
    """A KL of e^27 pulls back a unit at 1e4, and one at -1e4 returns as well."""
    for raw in (-1e4, 1e4):
        v = torch.tensor([raw], requires_grad=True)
        optimiser = torch.optim.Adam([v], 100.0)
        for _ in range(80):
            optimiser.zero_grad()
            kl_divergence(Normal(torch.zeros(1), scale_of(v)), Normal(0.0, 1.0)).sum().backward()
            optimiser.step()
        assert v.abs().item() < abs(raw) / 2


def kl_in_double(mean: Tensor, scale: Tensor, shift: Tensor, log_stretch: Tensor) -> Tensor:
    """KL(N(mean + scale shift, (scale stretch)^2) || N(mean, scale^2)) in float64, from moments."""
    mean, scale, shift, stretch = (part.double() for part in (mean, scale, shift, log_stretch.double().exp()))
    q, p = Normal(mean + scale * shift, scale * stretch), Normal(mean, scale)
    return kl_divergence(q, p).sum(-1)


@pytest.mark.parametrize("size", [0.03, 0.3, 3.0])
def test_the_kl_of_a_residual_normal_keeps_its_digits(size: float) -> None:
    """Scale exp(-5) and mean 30: the mean has lost digits of the shift in float32, the KL has not."""
    torch.manual_seed(0)
    mean, scale = torch.full((50, 8), 30.0), torch.full((50, 8), -5.0).exp()
    shift, log_stretch = size * torch.randn(2, 50, 8)
    p = diagonal_normal(mean, scale)
    kl = kl_divergence(residual_normal(p, shift, log_stretch), p)
    exact = kl_in_double(mean, scale, shift, log_stretch)
    torch.testing.assert_close(kl.double(), exact, rtol=1e-5, atol=0)
    # Relative to another normal, from the moments.
    other = diagonal_normal(torch.zeros(50, 8), torch.ones(50, 8))
    q = residual_normal(p, shift, log_stretch)
    torch.testing.assert_close(kl_divergence(q, other), kl_divergence(diagonal_normal(q.mean, q.stddev), other))
    assert q.expand((3, 50)).log_prob(q.mean).shape == (3, 50)


def test_a_ladder_with_far_and_narrow_priors_has_an_exact_kl() -> None:
    torch.manual_seed(0)
    model: Any = Ladder(groups=(1, 2), width=8, latent=2).build(ImageFormat(1, 28, 28))
    residuals: list[tuple[Tensor, Tensor]] = []
    for group in model.groups:
        group.prior.bias.data[:2], group.prior.bias.data[2:] = 30, -20
        group.residual.weight.data.mul_(2)
        read = group.read_residual
        group.read_residual = lambda *maps, read=read: residuals.append(read(*maps)) or residuals[-1]
    with torch.no_grad():
        trace = model(torch.rand(4, 1, 28, 28))
    for latent, (shift, log_stretch) in zip(trace.latents, residuals, strict=True):
        mean, scale = latent.p.mean[0], latent.p.stddev[0]
        assert mean.mean() > 25
        assert scale.mean() < 0.01
        exact = kl_in_double(mean, scale, shift.flatten(1), log_stretch.flatten(1))
        torch.testing.assert_close(latent.kl()[0].double(), exact, rtol=1e-5, atol=0)
        torch.testing.assert_close(latent.kl_by_dimension().sum(-1), latent.kl())
