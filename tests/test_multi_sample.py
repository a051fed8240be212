"""Objectives of several draws, and those with a gradient of their own, against enumeration and closed forms."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent
from torch.nn.functional import one_hot

from vaelab import (
    VAE,
    Ciwae,
    FlowPosterior,
    GaussianPixels,
    Iwae,
    Miwae,
    Mixture,
    Mlp,
    Piwae,
    ReweightedWakeSleep,
    StickingTheLanding,
    Trait,
    UserError,
    Vimco,
)
from vaelab.contract import Latent, Trace
from vaelab.data import ImageFormat
from vaelab.distributions import diagonal_normal
from vaelab.models.vae import VAEModel
from vaelab.objectives.vimco import bounds_without_each

from .test_objectives import PROGRESS, close, encoder_gradients, linear_gaussian, normal, random_posterior, trace_of


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


# ---- MIWAE, CIWAE and PIWAE ----


def test_miwae_is_the_mean_of_bounds_over_groups() -> None:
    trace = trace_of(random_posterior(), 6)
    log_weight = trace.log_weight
    bounds = [math.log(sum(math.exp(w) for w in group) / 3) for group in log_weight.reshape(3, 8).T.tolist()]
    close(Miwae(samples=6, groups=2)(trace, PROGRESS), torch.tensor(-sum(bounds) / 8, dtype=torch.float64))
    close(Miwae(samples=6, groups=1)(trace, PROGRESS), Iwae(samples=6)(trace, PROGRESS))
    close(Miwae(samples=6, groups=6)(trace, PROGRESS), -log_weight.mean())


def test_ciwae_interpolates_between_the_elbo_and_iwae() -> None:
    trace = trace_of(random_posterior(), 5)
    elbo, iwae = -trace.log_weight.mean(), Iwae(samples=5)(trace, PROGRESS)
    assert elbo > iwae + 0.1
    for share in (0.0, 0.25, 1.0):
        close(Ciwae(samples=5, share=share)(trace, PROGRESS), share * elbo + (1 - share) * iwae)


def gradients(objective: Any, posterior: Any, groups: tuple[str, ...]) -> list[Tensor]:
    """Gradients of a loss by the parameters under these names, from one backward pass, with a fixed seed."""
    torch.manual_seed(1)
    spec = VAE(2, network=Mlp(hidden=(5,)), posterior=posterior, prior=Mixture(3), likelihood=GaussianPixels(0.5))
    model = spec.build(ImageFormat(1, 3, 4)).double()
    x = torch.randn(5, 1, 3, 4, dtype=torch.float64)
    objective(model(x, None, 6), PROGRESS).backward()
    named = dict(model.named_parameters())
    return [parameter.grad for name, parameter in named.items() if name.startswith(groups)]


ENCODER, GENERATOR = ("network.encoder", "posterior"), ("network.decoder", "prior")


@pytest.mark.parametrize("posterior", [VAE().posterior, FlowPosterior(transforms=1, hidden=(6,), context=3)])
def test_piwae_gives_encoder_and_decoder_each_its_own_bound(posterior: Any) -> None:
    """By parameter group, its gradients are those of MIWAE with 2 bounds of 3 draws, and of IWAE with 6 draws."""
    both, miwae, iwae = Piwae(samples=6, groups=2), Miwae(samples=6, groups=2), Iwae(samples=6)
    close(gradients(both, posterior, ENCODER), gradients(miwae, posterior, ENCODER))
    close(gradients(both, posterior, GENERATOR), gradients(iwae, posterior, GENERATOR))
    for group in (ENCODER, GENERATOR):  # the two bounds differ everywhere, so neither stands in for the other
        pairs = zip(gradients(miwae, posterior, group), gradients(iwae, posterior, group), strict=True)
        assert all((a - b).abs().max() > 1e-4 for a, b in pairs)


def test_piwae_has_iwaes_value() -> None:
    trace = trace_of(random_posterior(), 6)
    close(Piwae(samples=6, groups=2)(trace, PROGRESS), Iwae(samples=6)(trace, PROGRESS))


def test_draws_that_cannot_be_grouped_are_refused() -> None:
    with pytest.raises(UserError, match=r"Miwae.groups is 8, but must divide the number of draws, 3"):
        Miwae()(trace_of(random_posterior(), 3), PROGRESS)


# ---- Sticking the landing ----


def test_sticking_the_landing_has_no_variance_at_the_true_posterior() -> None:
    """For one latent and normal pixels x = w z + noise: precision 1 + w w / s^2, mean w x / s^2 / precision."""
    first = trace_of(normal(torch.zeros(50, 1), 1.0))
    slope = (first.p.mean / first.latents[0].z[..., None, None])[0, 0, 0, 0]
    precision = 1 + slope @ slope / 0.8**2
    mean = (first.x[:, 0, 0] @ slope / 0.8**2 / precision)[:, None].requires_grad_()
    scale = torch.full_like(mean, float(precision) ** -0.5).requires_grad_()
    trace = trace_of(normal(mean, scale), 3)
    for gradient in torch.autograd.grad(StickingTheLanding()(trace, PROGRESS), (mean, scale), retain_graph=True):
        close(gradient, torch.zeros_like(gradient))
    # With the score function, single gradients are not zero, though their mean is.
    (plain,) = torch.autograd.grad(-trace.log_weight.mean(), scale)
    assert plain.abs().mean() > 0.01
    # The posterior is exact, so every draw gives log p(x).
    close(StickingTheLanding()(trace, PROGRESS), -trace.log_weight[0].mean())


def test_sticking_the_landing_has_the_elbos_value_and_expected_gradient() -> None:
    trace = trace_of(random_posterior(), 4)
    close(StickingTheLanding(samples=4)(trace, PROGRESS), -trace.log_weight.mean())
    draws = 40_000
    plain, path = (encoder_gradients(kind(samples=1), draws) for kind in (Iwae, StickingTheLanding))
    error = ((plain.var(0) + path.var(0)) / draws).sqrt()
    assert ((plain.mean(0) - path.mean(0)).abs() < 4 * error).all()
    assert (error < 0.05 * plain.mean(0).abs().max()).all()


# ---- Discrete codes: reweighted wake-sleep and VIMCO, over a latent of three values ----


class Table:
    """p(code), p(x | code) and q(code | x) of one image of two pixels, each a table over three codes."""

    def __init__(self) -> None:
        self.q = torch.tensor([0.4, -0.9, 0.2], dtype=torch.float64, requires_grad=True)
        self.p = torch.tensor([-0.3, 0.5, 0.1], dtype=torch.float64, requires_grad=True)
        self.pixels = torch.tensor([[0.1, 0.9], [1.1, -0.4], [0.3, 0.2]], dtype=torch.float64, requires_grad=True)
        self.x = torch.tensor([0.4, 0.6], dtype=torch.float64)

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return self.q, self.p, self.pixels

    def trace(self, code: Tensor) -> Trace:
        """The trace of codes of shape (S,)."""
        p, q = codes(self.p), codes(self.q[None])
        z = one_hot(code, 3).double()[:, None]
        mean = (z @ self.pixels).unflatten(-1, (1, 1, 2))
        latent = Latent(q=q, code=code[:, None, None], z=z, p=p)
        return Trace(self.x.view(1, 1, 1, 2), diagonal_normal(mean, torch.full_like(mean, 0.5), 3), (latent,))

    def log_joint(self) -> Tensor:
        """log p(x, code) of the three codes, written out."""
        squares = ((self.x - self.pixels) / 0.5).square().sum(-1)
        return self.p.log_softmax(0) - squares / 2 - math.log(2 * math.pi * 0.5**2)

    def expected(self, objective: Any, draws: int) -> list[Tensor]:
        """The mean of a loss's gradients over all tuples of draws."""
        total = [torch.zeros_like(weight) for weight in self.weights]
        for drawn in itertools.product(range(3), repeat=draws):
            code = torch.tensor(drawn)
            chance = self.q.softmax(0)[code].prod().detach()
            loss = objective(self.trace(code), PROGRESS)
            found = torch.autograd.grad(loss, self.weights)
            total = [before + chance * gradient for before, gradient in zip(total, found, strict=True)]
        return total


def codes(logits: Tensor) -> Distribution:
    """A categorical distribution over one code, of event shape (1,)."""
    return Independent(Categorical(logits=logits[..., None, :]), 1)


@pytest.mark.parametrize("draws", [2, 3])
def test_vimco_has_the_exact_gradient_of_the_bound_on_average(draws: int) -> None:
    """The bound is a sum over all tuples of codes, which autograd differentiates."""
    table = Table()
    bound = torch.zeros((), dtype=torch.float64)
    for drawn in itertools.product(range(3), repeat=draws):
        code = torch.tensor(drawn)
        log_q = table.q.log_softmax(0)[code]
        bound = bound + log_q.sum().exp() * ((table.log_joint()[code] - log_q).logsumexp(0) - math.log(draws))
    close(table.expected(Vimco(samples=draws), draws), list(torch.autograd.grad(-bound, table.weights)))


def test_the_baseline_of_vimco_by_hand() -> None:
    weights = np.array([0.2, 3.0, 0.7, 1.4])
    found = bounds_without_each(torch.from_numpy(np.log(weights))[:, None])[:, 0]
    for own, bound in enumerate(found.tolist()):
        others = np.delete(weights, own)
        assert bound == pytest.approx(np.log((others.sum() + others.prod() ** (1 / 3)) / 4), abs=1e-12)


def test_vimco_has_iwaes_value_and_for_real_codes_its_expected_gradient() -> None:
    trace = trace_of(random_posterior(), 5)
    close(Vimco(samples=5)(trace, PROGRESS), Iwae(samples=5)(trace, PROGRESS))
    draws = 30_000
    plain, score = (encoder_gradients(kind(samples=3), draws) for kind in (Iwae, Vimco))
    error = ((plain.var(0) + score.var(0)) / draws).sqrt()
    assert ((plain.mean(0) - score.mean(0)).abs() < 4 * error).all()
    assert (error < 0.1 * plain.mean(0).abs().max()).all()


def wake(table: Table, code: np.ndarray) -> list[np.ndarray]:
    """Minus sum_i v_i of the gradients of log q, log p(code) and log p(x | code), by formulas."""
    q, p = (np.exp(w) / np.exp(w).sum() for w in (table.q.detach().numpy(), table.p.detach().numpy()))
    pixels, x = table.pixels.detach().numpy(), table.x.numpy()
    weights = p[code] * np.exp(-2 * ((x - pixels[code]) ** 2).sum(-1)) / q[code]
    shares = np.eye(3)[code].T @ (weights / weights.sum())
    return [q - shares, p - shares, -shares[:, None] * (x - pixels) / 0.25]


def test_the_wake_phase_matches_enumeration() -> None:
    """Over all triples of draws, decoder and prior follow log p, the encoder log q, each by normalised weights."""
    table, draws = Table(), list(itertools.product(range(3), repeat=3))
    q = table.q.softmax(0).detach().numpy()
    parts = [[q[list(code)].prod() * part for part in wake(table, np.array(code))] for code in draws]
    expected = [torch.from_numpy(sum(part)) for part in zip(*parts, strict=True)]
    close(table.expected(ReweightedWakeSleep(samples=3), 3), expected)


def test_the_wake_phase_tends_to_the_exact_posterior() -> None:
    """With many draws, the encoder's gradient is that of -sum_code p(code | x) log q(code | x)."""
    table = Table()
    posterior = table.log_joint().softmax(0).detach()
    code = Categorical(logits=table.q.detach()).sample((100_000,))
    loss = ReweightedWakeSleep()(table.trace(code), PROGRESS)
    (gradient,) = torch.autograd.grad(loss, table.q)
    close(gradient, (table.q.softmax(0) - posterior).detach(), atol=0.01)
    assert (gradient.abs() > 0.03).all()


def test_no_wake_gradient_passes_through_the_draws() -> None:
    """For real codes, the decoder follows IWAE, and the encoder its log density at draws that are constants."""
    model, x = linear_gaussian(), torch.randn(5, 1, 3, 4, dtype=torch.float64)
    decoder, encoder = list(model.network.decoder.parameters()), list(model.posterior.parameters())
    trace = model(x, None, 6)
    loss = ReweightedWakeSleep(samples=6)(trace, PROGRESS)
    iwae = Iwae(samples=6)(trace, PROGRESS)
    close(torch.autograd.grad(loss, decoder, retain_graph=True), torch.autograd.grad(iwae, decoder, retain_graph=True))
    found = torch.autograd.grad(loss, encoder, retain_graph=True)
    shares = trace.log_weight.softmax(0).detach()
    log_q = model.encode(x, gradients=True).log_prob(trace.latents[0].code.detach())
    close(found, torch.autograd.grad(-(shares * log_q).sum(0).mean(), encoder))


def sleeper() -> VAEModel:
    """A linear model whose encoder has constant variances."""
    model = linear_gaussian()
    torch.nn.init.zeros_(model.posterior.log_variance.weight)
    return model


def test_the_sleep_phase_has_the_cross_entropy_of_generated_pairs() -> None:
    """With x = W z + b + s e and q(z | x) = N(A x + a, t^2), the mean of -log q(z | x) is known."""
    model, n = sleeper(), 50_000
    trace = model(torch.zeros(n, 1, 3, 4, dtype=torch.float64), None, 2)
    with torch.no_grad():
        both = ReweightedWakeSleep(samples=2, wake=0.0, sleep=1.0)(trace, PROGRESS)
        found = both - Iwae(samples=2)(trace, PROGRESS)
        inner, outer = model.posterior.mean, model.network.decoder[0]
        variance = model.encode(trace.x[:1]).variance[0]
        errors = (
            (torch.eye(2) - inner.weight @ outer.weight).square().sum(1)
            + (inner.weight @ outer.bias + inner.bias).square()
            + 0.5**2 * inner.weight.square().sum(1)
        )
    expected = ((errors / variance + variance.log() + math.log(2 * math.pi)) / 2).sum()
    close(found, expected, atol=0.03)


def test_the_sleep_phase_trains_the_encoder_alone() -> None:
    model = sleeper()
    trace = model(torch.randn(4, 1, 3, 4, dtype=torch.float64), None, 3)
    asleep = ReweightedWakeSleep(samples=3, wake=0.0, sleep=2.0)(trace, PROGRESS)
    decoder = list(model.network.decoder.parameters())
    plain = Iwae(samples=3)(trace, PROGRESS)
    close(torch.autograd.grad(asleep, decoder, retain_graph=True), torch.autograd.grad(plain, decoder))
    (found,) = torch.autograd.grad(asleep, model.posterior.mean.weight)
    assert found.abs().min() > 1e-3


def test_score_functions_ask_for_no_reparameterisation() -> None:
    for objective in (Vimco(), ReweightedWakeSleep()):
        assert Trait.reparameterised_posterior not in objective.requirements()
    assert Trait.reparameterised_posterior in Piwae().requirements()
