"""Every objective against mathematics: values by hand, gradients by autograd, known limits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, kl_divergence

from vaelab import (
    VAE,
    Adversarial,
    AdversarialReconstruction,
    Capacity,
    Ciwae,
    Codebook,
    Constant,
    Cyclical,
    DipI,
    DipII,
    Dreg,
    Elbo,
    Experiment,
    Factor,
    FiniteScalar,
    Flow,
    FreeBits,
    FullGaussian,
    GaussianPixels,
    Geco,
    GradientPenalty,
    Hamiltonian,
    Info,
    InverseMultiquadratic,
    Iwae,
    JointCapacity,
    Ladder,
    Lagging,
    Linear,
    Miwae,
    Mixture,
    Mlp,
    MsSsim,
    NeighbourEmbedding,
    Perceptual,
    Piwae,
    Rae,
    Rbf,
    ReweightedWakeSleep,
    RiemannianHamiltonian,
    SemiAmortised,
    SlicedWasserstein,
    StickingTheLanding,
    SubsetBounds,
    TotalCorrelation,
    UniformCodes,
    UserError,
    VaeGan,
    Vamp,
    Vimco,
    Wae,
    train,
)
from vaelab.codec import decode, encode
from vaelab.contract import Latent, Trace
from vaelab.data import ImageData, ImageFormat
from vaelab.distributions import diagonal_normal
from vaelab.experiment import Training
from vaelab.models.vae import VAEModel
from vaelab.objectives import ObjectiveSpec
from vaelab.objectives.decomposition import decompose_kl, stratified_log_weights
from vaelab.objectives.factor_loss import permuted
from vaelab.objectives.mmd import squared_mmd
from vaelab.optimisers import Adam
from vaelab.schedules import Progress
from vaelab.spec import members
from vaelab.training.full_pass import batch_sums
from vaelab.traits import Trait

PROGRESS = Progress(epoch=1, step=0, steps=1, epochs=1, n_images=10)
# A standard normal pair with correlation 0.9.
PAIR = torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64)
CORRELATION = -0.5 * math.log(0.19)
OBJECTIVES: tuple[Any, ...] = tuple(spec for spec in members(ObjectiveSpec, own=True) if not spec.python_only)

# The traces here have one latent and one view.
OF_ONE_LATENT = tuple(
    kind for kind in OBJECTIVES if not {Trait.real_and_code, Trait.label_view} & kind().requirements()
)

close = partial(torch.testing.assert_close, rtol=0, atol=1e-10)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def normal(mean: Any, scale: Any) -> Distribution:
    """Independent normal dimensions in double precision."""
    mean = torch.as_tensor(mean, dtype=torch.float64)
    return diagonal_normal(mean, torch.as_tensor(scale, dtype=torch.float64).expand_as(mean))


def random_posterior(images: int = 4, latent: int = 2) -> Distribution:
    return normal(torch.randn(images, latent) * 1.5, torch.rand(images, latent) + 0.3)


def trace_of(
    q: Distribution,
    samples: int = 1,
    p: Distribution | None = None,
    penalty: Tensor | None = None,
    shape: tuple[int, int] = (1, 3),
) -> Trace:
    """A trace with draws of q, images of three pixels near an affine function of them, and the prior p or N(0, I)."""
    pixels = math.prod(shape)
    z = q.rsample((samples,))
    images, width = z.shape[1:]
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(width, pixels, generator=generator, dtype=torch.float64)
    x = torch.randn(images, 1, *shape, generator=generator, dtype=torch.float64)

    latent = Latent(q=q, code=z, z=z, penalty=penalty, p=p or normal([0.0] * width, 1.0))
    model = Affine(weight, shape)
    return Trace(x, model.pixels_at(z), (latent,), model)


class Affine(torch.nn.Module):
    """The model of `trace_of`: pixels near an affine function of z."""

    def __init__(self, weight: Tensor, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight, self.shape = torch.nn.Parameter(weight), shape

    def pixels_at(self, z: Tensor) -> Distribution:
        theta = (z @ self.weight).unflatten(-1, (1, *self.shape))
        return diagonal_normal(theta, torch.full_like(theta, 0.8), event_dims=3)

    def likelihood_at(self, z: Tensor, y: Tensor | None) -> Distribution:
        return self.pixels_at(z)

    def trace_at(self, trace: Trace, code: Tensor) -> Trace:
        return replace(trace, p=self.pixels_at(code), latents=(replace(trace.latents[0], code=code, z=code),))


def learnable(*shape: int) -> tuple[Tensor, Tensor]:
    mean = torch.randn(*shape, dtype=torch.float64).requires_grad_()
    scale = (torch.rand(*shape, dtype=torch.float64) + 0.3).requires_grad_()
    return mean, scale


# ---- The KL in three parts, and beta-TCVAE ----


def test_stratified_weights_match_the_paper() -> None:
    """1/N on the diagonal, (N - M) / (N M) once per row, else 1/M, with M = B - 1 (Chen et al. 2018, appendix C.2)."""
    weights = stratified_log_weights(3, 10, torch.float64).exp()
    close(weights, torch.tensor([[0.1, 0.4, 0.5], [0.5, 0.1, 0.4], [0.4, 0.5, 0.1]], dtype=torch.float64))
    for batch, images in ((2, 2), (2, 7), (4, 4), (5, 60_000), (1, 9)):
        weights = stratified_log_weights(batch, images, torch.float64).exp()
        close(weights.sum(1), torch.ones(batch, dtype=torch.float64))
        if batch > 1:
            close(weights.diagonal(), torch.full((batch,), 1 / images, dtype=torch.float64))


def test_stratified_weights_are_unbiased_over_batches() -> None:
    """Over all batches that begin with image 0, sum_j w_0j f_j is the mean of f over all images."""
    f, others = np.random.default_rng(0).normal(size=5), list(itertools.permutations(range(1, 5), 2))
    weights = stratified_log_weights(3, 5, torch.float64).exp()[0].numpy()
    estimates = [weights @ f[[0, *rest]] for rest in others]
    assert np.mean(estimates) == pytest.approx(f.mean(), abs=1e-12)


def test_parts_of_the_kl_match_a_loop_in_plain_python() -> None:
    q, p = random_posterior(images=3), normal([0.3, -0.2], 1.4)
    latent = trace_of(q, 2, p).latents[0]
    weights = [[0.1, 0.4, 0.5], [0.5, 0.1, 0.4], [0.4, 0.5, 0.1]]
    mean, scale, code = q.mean.tolist(), q.stddev.tolist(), latent.code.tolist()

    def density(x: float, m: float, s: float) -> float:
        return math.exp(-0.5 * ((x - m) / s) ** 2) / (s * math.sqrt(2 * math.pi))

    expected = torch.empty(3, 2, 3, dtype=torch.float64)
    for s, i in itertools.product(range(2), range(3)):
        z, joint, marginals = code[s][i], 0.0, [0.0, 0.0]
        for j in range(3):
            both = weights[i][j]
            for d in range(2):
                here = density(z[d], mean[j][d], scale[j][d])
                both *= here
                marginals[d] += weights[i][j] * here
            joint += both
        own = math.prod(density(z[d], mean[i][d], scale[i][d]) for d in range(2))
        prior = density(z[0], 0.3, 1.4) * density(z[1], -0.2, 1.4)
        expected[0, s, i] = math.log(own / joint)
        expected[1, s, i] = math.log(joint / math.prod(marginals))
        expected[2, s, i] = math.log(math.prod(marginals) / prior)
    close(torch.stack(decompose_kl(latent, images=10)), expected)


@pytest.mark.parametrize(("batch", "images"), [(1, 1), (2, 9), (5, 5), (6, 1000)])
def test_parts_of_the_kl_add_up_to_the_log_ratio(batch: int, images: int) -> None:
    latent = trace_of(random_posterior(batch, 3), 3).latents[0]
    close(torch.stack(decompose_kl(latent, images)).sum(0), latent.log_ratio())


def test_parts_of_the_kl_of_a_correlated_gaussian_match_closed_forms() -> None:
    """Posteriors N(mu, s^2) with mu ~ N(0, C - s^2) have the aggregate N(0, C), so all three parts are known."""
    s, images = 0.2, 2000
    means = MultivariateNormal(torch.zeros(2, dtype=torch.float64), PAIR - s**2 * torch.eye(2)).sample((images,))
    latent = trace_of(normal(means, s), 1, normal([0.0, 0.0], 2.0)).latents[0]
    information, correlation, dimensions = (part.mean().item() for part in decompose_kl(latent, images))
    assert correlation == pytest.approx(CORRELATION, abs=0.05)
    # H(z) - H(z | x) = log det(C)^(1/2) / s^2
    assert information == pytest.approx(0.5 * math.log(0.19) - 2 * math.log(s), abs=0.05)
    # Two dimensions, each KL(N(0, 1) || N(0, 4)).
    assert dimensions == pytest.approx(2 * (math.log(2) + 1 / 8 - 1 / 2), abs=0.05)


def test_total_correlation_with_weights_one_is_the_sampled_elbo() -> None:
    trace = trace_of(random_posterior(), 3)
    loss = TotalCorrelation(weight=1.0)(trace, PROGRESS)
    close(loss, (trace.reconstruction + trace.latents[0].log_ratio()).mean())


@pytest.mark.parametrize(("name", "part"), [("alpha", 0), ("weight", 1), ("gamma", 2)])
def test_each_weight_of_total_correlation_scales_its_own_part(name: str, part: int) -> None:
    trace = trace_of(random_posterior(), 3)
    plain = TotalCorrelation(weight=1.0)
    more = replace(plain, **{name: 3.5})(trace, PROGRESS) - plain(trace, PROGRESS)
    close(more, 2.5 * decompose_kl(trace.latents[0], 10)[part].mean())


def test_total_correlation_uses_the_number_of_training_images() -> None:
    trace = trace_of(random_posterior(), 1)
    few, many = (TotalCorrelation()(trace, replace(PROGRESS, n_images=n)) for n in (4, 4000))
    assert few != many
    close(TotalCorrelation()(trace, Progress(1, 0, 1000, 1)), many)


# ---- DIP-VAE ----


def off_and_on(covariance: np.ndarray) -> tuple[float, float]:
    """Sums of squared covariances and of squared deviations of variances from 1."""
    size = len(covariance)
    off = sum(covariance[i, j] ** 2 for i in range(size) for j in range(size) if i != j)
    return off, sum((covariance[i, i] - 1) ** 2 for i in range(size))


def full_posterior(images: int, latent: int) -> Distribution:
    below = torch.randn(images, latent, latent, dtype=torch.float64).tril(-1)
    triangle = below + torch.diag_embed(torch.rand(images, latent, dtype=torch.float64) + 0.3)
    mean = torch.randn(images, latent, dtype=torch.float64)
    return MultivariateNormal(mean.requires_grad_(), scale_tril=triangle.requires_grad_(), validate_args=False)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("kind", [DipI, DipII])
def test_dip_is_the_elbo_with_penalties_on_numpys_covariance(kind: type, full: bool) -> None:
    if full:
        q = full_posterior(5, 3)
        inputs = (q.loc, q._unbroadcasted_scale_tril)
        covariances = [triangle @ triangle.T for triangle in inputs[1].detach().numpy()]
    else:
        inputs = learnable(5, 3)
        q = normal(*inputs)
        covariances = [np.diag(scale**2) for scale in inputs[1].detach().numpy()]
    trace = trace_of(q, 2)
    covariance = np.cov(inputs[0].detach().numpy(), rowvar=False, bias=True)
    if kind is DipII:
        covariance = covariance + sum(covariances) / 5
    off, on = off_and_on(covariance)
    elbo = Elbo()(trace, PROGRESS).item()
    for lambda_off, lambda_on in ((0.0, 0.0), (3.0, 0.0), (0.0, 7.0), (2.0, 5.0)):
        loss = kind(off=lambda_off, on=lambda_on)(trace, PROGRESS)
        assert loss.item() == pytest.approx(elbo + lambda_off * off + lambda_on * on, abs=1e-10)
    for gradient in torch.autograd.grad(loss, inputs):
        assert gradient.isfinite().all()


def test_only_dip_ii_penalises_the_variances_of_the_posteriors() -> None:
    mean, scale = learnable(5, 3)
    trace = trace_of(normal(mean, scale))
    elbo = Elbo()(trace, PROGRESS)
    (of_first,) = torch.autograd.grad(DipI()(trace, PROGRESS) - elbo, scale, retain_graph=True)
    (of_second,) = torch.autograd.grad(DipII()(trace, PROGRESS) - elbo, scale)
    assert of_first.abs().max() < 1e-12
    assert of_second.abs().min() > 1e-6


def test_dip_uses_the_full_covariances_of_a_model() -> None:
    model = VAE(latent=3, network=Mlp(hidden=(4,)), posterior=FullGaussian()).build(ImageFormat(1, 4, 4)).double()
    x = torch.rand(6, 1, 4, 4, dtype=torch.float64)
    trace = model(x)
    q = model.encode(x)
    covariance = q.covariance_matrix.mean(0).detach().numpy() + np.cov(q.mean.detach().numpy().T, bias=True)
    off, on = off_and_on(covariance)
    assert DipII()(trace, PROGRESS).item() == pytest.approx(trace.total.mean().item() + 10 * off + 10 * on, rel=1e-10)


# ---- The maximum mean discrepancy, and InfoVAE ----


def test_discrepancy_matches_a_loop_in_plain_python() -> None:
    a, b = torch.randn(4, 3, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64) + 1

    def mean_kernel(us: list[list[float]], vs: list[list[float]]) -> float:
        kernels = [math.exp(-sum((x - y) ** 2 for x, y in zip(u, v, strict=True)) / 3) for u in us for v in vs]
        return sum(kernels) / len(kernels)

    us, vs = a.tolist(), b.tolist()
    expected = mean_kernel(us, us) + mean_kernel(vs, vs) - 2 * mean_kernel(us, vs)
    assert squared_mmd(a, b).item() == pytest.approx(expected, abs=1e-12)
    assert squared_mmd(b, a).item() == pytest.approx(expected, abs=1e-12)


def test_discrepancy_distinguishes_distributions() -> None:
    a, again, other = torch.randn(3, 500, 2, dtype=torch.float64)
    assert squared_mmd(a, a).item() == 0
    assert squared_mmd(a, a[torch.randperm(500)]).item() == pytest.approx(0, abs=1e-12)
    assert 0 < squared_mmd(a, again) < 0.01 < squared_mmd(a, other + 1)
    # The same mean and variance, but another shape.
    assert squared_mmd(a, 2 * (again > 0) - 1.0) > 0.05


def test_info_without_its_extra_terms_is_the_elbo() -> None:
    trace = trace_of(random_posterior(), 3)
    assert Info(alpha=0.0, weight=1.0)(trace, PROGRESS) == Elbo()(trace, PROGRESS)


@pytest.mark.parametrize(("alpha", "weight"), [(1.0, 20.0), (0.25, 20.0), (-1.0, 5.0), (1.0, 0.0)])
def test_info_weighs_kl_and_discrepancy(alpha: float, weight: float) -> None:
    """(1 - alpha) KL + (alpha + lambda - 1) MMD^2; with alpha = 1 no KL at all."""
    trace, p = trace_of(random_posterior(5), 3), normal([0.0, 0.0], 1.0)
    torch.manual_seed(7)
    loss = Info(alpha=alpha, weight=weight)(trace, PROGRESS)
    torch.manual_seed(7)
    drawn = p.expand((5,)).sample((3,)).reshape(15, 2)
    discrepancy = squared_mmd(trace.latents[0].code.reshape(15, 2), drawn)
    close(loss, trace.reconstruction.mean() + (1 - alpha) * trace.kl.mean() + (alpha + weight - 1) * discrepancy)


def test_a_prior_with_weights_learns_from_the_discrepancy_alone() -> None:
    """Without a KL term, a normal prior moves to the latents and takes their width."""
    mean = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    log_scale = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([mean, log_scale], 0.1)
    q = normal(torch.tensor([1.5, -1.0]) + 0.5 * torch.randn(64, 2), 0.1)
    for _ in range(80):
        optimiser.zero_grad()
        Info(alpha=1.0, weight=100.0)(trace_of(q, 2, normal(mean, log_scale.exp())), PROGRESS).backward()
        optimiser.step()
    close(mean.detach(), q.mean.mean(0), atol=0.2)
    close(log_scale.exp().detach(), torch.full((2,), 0.5, dtype=torch.float64), atol=0.2)


# ---- Free bits ----


def normal_kl(mean: Tensor, scale: Tensor) -> Tensor:
    """KL(N(mean, scale^2) || N(0, 1)) of each dimension."""
    return 0.5 * (mean**2 + scale**2 - 1) - scale.log()


def test_free_bits_by_hand() -> None:
    """The floor applies to batch means, not to the KL of each image."""
    mean, scale = learnable(6, 3)
    trace = trace_of(normal(mean, scale), 2)
    per_dimension = normal_kl(mean, scale)
    floor = per_dimension.mean(0).median().item() + 0.01
    assert (per_dimension.max(0).values > floor).all()
    expected = trace.reconstruction.mean() + 0.3 * sum(max(floor, kl) for kl in per_dimension.mean(0).tolist())
    close(FreeBits(floor=floor, beta=Constant(0.3))(trace, PROGRESS), expected)


def test_dimensions_below_the_floor_have_no_kl_gradient() -> None:
    mean = torch.tensor([[0.1, 2.0], [-0.1, 3.0]], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([[0.9, 0.5], [1.0, 0.6]], dtype=torch.float64, requires_grad=True)
    trace = trace_of(normal(mean, scale))
    free = FreeBits(floor=0.5)(trace, PROGRESS) - trace.reconstruction.mean()
    for gradient, full in zip(
        torch.autograd.grad(free, (mean, scale), retain_graph=True),
        torch.autograd.grad(trace.kl.mean(), (mean, scale)),
        strict=True,
    ):
        close(gradient[:, 0], torch.zeros(2, dtype=torch.float64))
        close(gradient[:, 1], full[:, 1])
        assert full[:, 1].abs().min() > 0


def test_free_bits_with_floor_zero_is_the_elbo() -> None:
    trace = trace_of(random_posterior(), 3)
    close(FreeBits(floor=0.0)(trace, PROGRESS), Elbo()(trace, PROGRESS))


def test_the_whole_latent_is_one_group_if_the_kl_does_not_split() -> None:
    model = VAE(latent=3, network=Mlp(hidden=()), prior=Mixture()).build(ImageFormat(1, 2, 2)).double()
    trace = model(torch.rand(8, 1, 2, 2, dtype=torch.float64), None, 4)
    kl = trace.latents[0].log_ratio().mean()
    for floor in (kl.item() / 2, kl.item() * 2):
        loss = FreeBits(floor=floor)(trace, PROGRESS)
        close(loss, trace.reconstruction.mean() + max(floor, kl.item()))


def test_free_bits_apply_to_each_latent_of_a_hierarchy() -> None:
    """Its latents have hundreds of dimensions, so a floor per dimension would allow hundreds of free nats."""
    model = Ladder((1, 2), latent=2, width=8).build(ImageFormat(1, 8, 8)).double()
    trace = model(torch.rand(3, 1, 8, 8, dtype=torch.float64), None, 2)
    means = trace.kl.mean((1, 2)).tolist()
    assert len(means) == 3
    floor = sorted(means)[1]
    expected = sum(max(floor, mean) for mean in means)
    close(FreeBits(floor=floor)(trace, PROGRESS), trace.reconstruction.mean() + expected)


# ---- A prescribed KL ----


def test_capacity_by_hand_half_way_through_its_schedule() -> None:
    """Epoch 3 of 10, half done: C = 25 x 2.5 / 10 = 6.25 nats."""
    trace = trace_of(random_posterior(), 3)
    loss = Capacity()(trace, Progress(epoch=3, step=2, steps=4, epochs=30))
    close(loss, trace.reconstruction.mean() + 30 * abs(trace.kl.mean() - 6.25))
    loss = Capacity(gamma=2.0, capacity=Constant(0.5))(trace, PROGRESS)
    close(loss, trace.reconstruction.mean() + 2 * abs(trace.kl.mean() - 0.5))


@pytest.mark.parametrize(("capacity", "sign"), [(100.0, -1), (0.1, 1)])
def test_capacity_raises_a_kl_below_it_and_lowers_one_above(capacity: float, sign: int) -> None:
    mean, scale = learnable(4, 2)
    trace = trace_of(normal(mean, scale))
    away = Capacity(gamma=5.0, capacity=Constant(capacity))(trace, PROGRESS) - trace.reconstruction.mean()
    (gradient,) = torch.autograd.grad(away, mean)
    close(gradient, sign * 5 * mean / 4)


# ---- A prescribed reconstruction ----


def geco(**settings: float) -> Any:
    loss: Any = Geco(**settings).build(2)
    return loss.double()


def test_geco_by_hand_over_several_steps() -> None:
    """Rezende and Viola (2018), algorithm 1: moving-average value, batch gradient, then the multiplier."""
    loss_of, multiplier, average = geco(tolerance=4.0, rate=0.1, memory=0.7), 1.0, math.nan
    for step in range(4):
        mean, scale = learnable(4, 2)
        trace = trace_of(normal(mean, scale), 3)
        constraint = trace.reconstruction.mean().item() - 4.0
        average = 0.7 * average + 0.3 * constraint if step else constraint
        loss = loss_of(trace, PROGRESS)
        close(loss, trace.kl.mean() + multiplier * average)
        expected = torch.autograd.grad(trace.kl.mean() + multiplier * trace.reconstruction.mean(), mean, None, True)
        close(torch.autograd.grad(loss, mean), expected)
        multiplier *= math.exp(0.1 * average)
        assert loss_of.log_multiplier.exp().item() == pytest.approx(multiplier, rel=1e-10)


def test_the_geco_multiplier_rises_while_the_constraint_is_violated_and_falls_otherwise() -> None:
    trace = trace_of(random_posterior())
    for tolerance, sign in ((-1000.0, 1), (1000.0, -1)):
        loss_of, history = geco(tolerance=tolerance, rate=1e-3), [0.0]
        for _ in range(20):
            loss_of(trace, PROGRESS)
            history.append(loss_of.log_multiplier.item())
        assert all(sign * (after - before) > 0 or abs(after) == 10 for before, after in itertools.pairwise(history))
        # The multiplier is bounded even if the constraint cannot be met.
        assert history[-1] == sign * 10


def test_geco_resumes_from_its_saved_state() -> None:
    first, second = geco(tolerance=1.0, rate=0.1), geco(tolerance=1.0, rate=0.1)
    for _ in range(3):
        first(trace_of(random_posterior()), PROGRESS)
    assert not list(first.parameters())
    second.load_state_dict(first.state_dict())
    trace = trace_of(random_posterior())
    assert first(trace, PROGRESS) == second(trace, PROGRESS)


def test_a_skipped_step_does_not_change_the_state_of_geco() -> None:
    """The optimiser skips a non-finite reconstruction, which must not affect later steps."""
    fine = [trace_of(random_posterior()) for _ in range(4)]
    broken = replace(fine[0], x=fine[0].x * math.nan)
    for before in (0, 2):
        loss_of, other = geco(tolerance=1.0), geco(tolerance=1.0)
        for trace in fine[:before]:
            assert loss_of(trace, PROGRESS) == other(trace, PROGRESS)
        assert not loss_of(broken, PROGRESS).isfinite()
        for trace in fine[before:]:
            assert loss_of(trace, PROGRESS) == other(trace, PROGRESS)


def test_geco_meets_a_tolerance_with_less_kl_than_the_elbo(digits: ImageData) -> None:
    """On real digits, a tolerance of 5 nats above the ELBO's reconstruction is used to reduce the KL."""
    x = torch.from_numpy(digits.images[:150, :, ::2, ::2]).float() / 255

    def fit(objective: Any) -> list[float]:
        torch.manual_seed(0)
        model, loss_of = VAE(latent=4, network=Mlp(hidden=(64,))).build(ImageFormat(1, 14, 14)), objective.build(4)
        optimiser, last = torch.optim.Adam(model.parameters(), 0.01), []
        for _ in range(500):
            optimiser.zero_grad()
            trace = model(x)
            loss_of(trace, PROGRESS).backward()
            optimiser.step()
            last.append(batch_sums(trace) / len(x))
        means: list[float] = torch.stack(last[-50:]).mean(0).tolist()
        return means

    reconstruction, kl = fit(Elbo())
    reached, geco_kl = fit(Geco(tolerance=reconstruction + 5, rate=3e-3, memory=0.5))
    assert reached == pytest.approx(reconstruction + 5, abs=1)
    assert geco_kl < kl - 1


# ---- FactorVAE ----


def factor(**settings: Any) -> Any:
    loss: Any = Factor(**{"hidden": (6,)} | settings).build(2)
    return loss.double()


def test_neither_side_of_factor_learns_from_the_others_loss() -> None:
    """The model's gradient is that of -ELBO + gamma E[logit D]; the discriminator's that of its cross-entropy."""
    mean, scale = learnable(8, 2)
    loss_of = factor(gamma=7.0)
    weights = list(loss_of.discriminator.parameters())
    trace = trace_of(normal(mean, scale), 3)
    z = trace.latents[0].code.reshape(24, 2)

    torch.manual_seed(5)
    loss = loss_of(trace, PROGRESS)
    of_model = torch.autograd.grad(loss, (mean, scale), retain_graph=True)
    of_discriminator = torch.autograd.grad(loss, weights)

    correlation = loss_of.discriminator(z).mean()
    close(of_model, torch.autograd.grad(trace.total.mean() + 7 * correlation, (mean, scale), retain_graph=True))
    torch.manual_seed(5)
    mixed = permuted(z.detach())
    real, fake = (loss_of.discriminator(points).sigmoid() for points in (z.detach(), mixed))
    entropy = -0.5 * (real.log().mean() + (1 - fake).log().mean())
    close(loss, trace.total.mean() + 7 * correlation + entropy)
    close(of_discriminator, torch.autograd.grad(entropy, weights))


def test_shuffling_keeps_the_values_of_each_column() -> None:
    z = MultivariateNormal(torch.zeros(2, dtype=torch.float64), PAIR).sample((1000,))
    mixed = permuted(z)
    assert torch.equal(mixed.sort(0).values, z.sort(0).values)
    assert abs(np.corrcoef(z.T)[0, 1]) > 0.85
    assert abs(np.corrcoef(mixed.T)[0, 1]) < 0.1


def test_a_trained_discriminator_estimates_the_total_correlation() -> None:
    """E[logit D] of correlated normal latents converges to -0.5 log 0.19."""
    codes_of = MultivariateNormal(torch.zeros(2), PAIR.float())
    loss_of: Any = Factor(gamma=1.0, hidden=(32, 32)).build(2)
    optimiser = torch.optim.Adam(loss_of.parameters(), 5e-3)
    # The latents are drawn from a fixed distribution; only the discriminator is trained.
    with torch.no_grad():
        trace = trace_of(normal(torch.zeros(500, 2), 1.0))
    for _ in range(300):
        code = codes_of.sample((1, 500))
        optimiser.zero_grad()
        loss_of(replace(trace, latents=(replace(trace.latents[0], code=code),)), PROGRESS).backward()
        optimiser.step()
    estimate = loss_of.discriminator(codes_of.sample((20_000,))).mean().item()
    assert estimate == pytest.approx(CORRELATION, abs=0.12)


# ---- Importance-weighted bounds ----


def linear_gaussian() -> VAEModel:
    """Affine encoder and decoder with normal pixels, whose evidence is known exactly."""
    torch.manual_seed(1)
    spec = VAE(latent=2, network=Mlp(hidden=()), likelihood=GaussianPixels(sigma=0.5))
    return spec.build(ImageFormat(1, 3, 4)).double()


def exact_evidence(model: VAEModel, x: Tensor) -> Tensor:
    """log N(x; b, W W^T + sigma^2 I)."""
    layer = model.network.decoder[0]
    covariance = layer.weight @ layer.weight.T + model.likelihood.sigma**2 * torch.eye(12, dtype=torch.float64)
    return MultivariateNormal(layer.bias, covariance).log_prob(x.flatten(1))


def test_iwae_of_one_sample_is_the_sampled_elbo() -> None:
    trace = trace_of(random_posterior(), 1)
    close(Iwae(samples=1)(trace, PROGRESS), (trace.reconstruction + trace.latents[0].log_ratio()).mean())


def test_iwae_by_hand() -> None:
    """-log of the mean of p(x, z) / q(z | x) over samples, averaged over images."""
    trace = trace_of(random_posterior(), 3)
    (latent,) = trace.latents
    densities = latent.p.log_prob(latent.code) + trace.p.log_prob(trace.x) - latent.q.log_prob(latent.code)
    expected = [-math.log(sum(math.exp(w) for w in column) / 3) for column in densities.T.tolist()]
    assert Iwae(samples=3)(trace, PROGRESS).item() == pytest.approx(sum(expected) / 4, abs=1e-10)


def test_elbo_of_many_samples_is_their_average() -> None:
    trace = trace_of(random_posterior(), 5)
    singly = [replace(trace, p=diagonal_normal(mean, torch.full_like(mean, 0.8), 3)) for mean in trace.p.mean[:, None]]
    close(Elbo(samples=5)(trace, PROGRESS), sum(Elbo()(one, PROGRESS) for one in singly) / 5)


def test_iwae_falls_to_the_exact_evidence_as_samples_grow() -> None:
    model = linear_gaussian()
    x = torch.randn(400, 1, 3, 4, dtype=torch.float64) * 0.7
    exact = -exact_evidence(model, x).mean().item()
    with torch.no_grad():
        losses = [Iwae(samples=k)(model(x, None, k), PROGRESS).item() for k in (1, 4, 30, 2000)]
    assert losses[0] > losses[1] + 0.1 > losses[2] + 0.2 > losses[3] + 0.25
    assert losses[3] == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize("objective", [Elbo(samples=3), Iwae(samples=7), Dreg(samples=5)])
def test_training_draws_the_given_number_of_samples(
    objective: Any, digits: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, counts = type(objective), []
    loss = kind.__call__
    monkeypatch.setattr(
        kind, "__call__", lambda self, *given: counts.append(len(given[0].reconstruction)) or loss(self, *given)
    )
    train(almost_frozen(objective), tmp_path / "run", data=digits)
    assert set(counts) == {objective.samples}


def test_dreg_has_iwaes_value_and_iwaes_gradient_for_the_decoder() -> None:
    model = linear_gaussian()
    x = torch.randn(5, 1, 3, 4, dtype=torch.float64)
    decoder, encoder = list(model.network.decoder.parameters()), list(model.posterior.parameters())
    values, gradients = [], []
    for objective in (Iwae(samples=6), Dreg(samples=6)):
        torch.manual_seed(3)
        loss = objective(model(x, None, 6), PROGRESS)
        values.append(loss)
        gradients.append(torch.autograd.grad(loss, [*decoder, *encoder]))
    close(*values)
    close(gradients[0][: len(decoder)], gradients[1][: len(decoder)])
    assert all((a - b).abs().max() > 1e-3 for a, b in zip(*(g[len(decoder) :] for g in gradients), strict=True))


def test_dreg_has_iwaes_gradient_for_a_prior_with_weights() -> None:
    """The weights of the prior belong to the model, not to the encoder, so they are weighted once."""
    q = random_posterior()
    mean = torch.tensor([0.4, -0.3], dtype=torch.float64, requires_grad=True)
    trace = trace_of(q, 5, normal(mean, 1.2))
    close(*(torch.autograd.grad(kind()(trace, PROGRESS), mean, retain_graph=True) for kind in (Iwae, Dreg)))


def test_what_is_added_to_dreg_keeps_its_gradient() -> None:
    """As a perceptual penalty on the images of the same draws does."""
    model = linear_gaussian()
    x = torch.randn(5, 1, 3, 4, dtype=torch.float64)

    def gradients(*losses: Any) -> list[Tensor]:
        torch.manual_seed(3)
        trace = model(x, None, 6)
        total = sum(loss(trace, PROGRESS) for loss in losses)
        return list(torch.autograd.grad(total, list(model.posterior.parameters())))

    def penalty(trace: Trace, progress: Any) -> Tensor:
        return (trace.x - trace.p.mean).abs().mean()

    dreg, added, both = gradients(Dreg(samples=6)), gradients(penalty), gradients(Dreg(samples=6), penalty)
    close(both, [a + b for a, b in zip(dreg, added, strict=True)])


def encoder_gradients(objective: Any, draws: int) -> Tensor:
    """`draws` gradients of the loss by the posterior mean and scale at one image of the linear model."""
    model = linear_gaussian()
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(1, 1, 3, 4).expand(draws, -1, -1, -1)
    mean = torch.tensor([0.5, -0.4], dtype=torch.float64).repeat(draws, 1).requires_grad_()
    scale = torch.tensor([0.5, 0.7], dtype=torch.float64).repeat(draws, 1).requires_grad_()
    q = normal(mean, scale)
    z = q.rsample((objective.samples,))
    theta = model.network.decode(z.flatten(0, 1), None).unflatten(0, (objective.samples, -1))
    trace = Trace(x, model.likelihood(theta), (Latent(q=q, code=z, z=z, p=normal([0.0, 0.0], 1.0)),), model)
    # Each row has its own gradient; the loss is a mean over rows.
    return torch.cat(torch.autograd.grad(objective(trace, PROGRESS) * draws, (mean, scale)), 1)


@pytest.mark.parametrize("samples", [1, 4])
def test_dreg_has_iwaes_expected_gradient_for_the_encoder(samples: int) -> None:
    draws = 60_000
    plain, double = (encoder_gradients(kind(samples=samples), draws) for kind in (Iwae, Dreg))
    error = ((plain.var(0) + double.var(0)) / draws).sqrt()
    assert ((plain.mean(0) - double.mean(0)).abs() < 4 * error).all()
    # The test is sensitive: the error is far below the gradient itself.
    assert (error < 0.05 * plain.mean(0).abs().max()).all()


def test_dreg_has_less_variance_with_many_samples() -> None:
    plain, double = (encoder_gradients(kind(samples=50), 2000) for kind in (Iwae, Dreg))
    assert (double.var(0) < 0.5 * plain.var(0)).all()


# ---- All objectives ----

IMAGES = ImageFormat(1, 8, 8)


@pytest.mark.parametrize(
    ("objective", "model", "named"),
    [
        (Dreg(), Ladder(), ("Dreg", "Ladder", "one latent")),
        (Dreg(), VAE(posterior=Codebook(), prior=UniformCodes()), ("Dreg", "Codebook", "real vector space")),
        (Info(alpha=1.0), VAE(prior=Mixture()), ("Info", "Mixture", "reparameterisation")),
        (Info(alpha=1.0), VAE(prior=Vamp()), ("Info", "Vamp", "reparameterisation")),
        (TotalCorrelation(), VAE(posterior=FullGaussian()), ("TotalCorrelation", "FullGaussian", "independent")),
        (Factor(), Ladder(), ("Factor", "Ladder", "one latent")),
        (Vimco(), VAE(posterior=Codebook(), prior=UniformCodes()), ("Vimco", "Codebook", "drawn at random")),
        (ReweightedWakeSleep(), VAE(posterior=FiniteScalar(), prior=UniformCodes()), ("FiniteScalar", "at random")),
        (Wae(), VAE(prior=Mixture()), ("Wae", "Mixture", "reparameterisation")),
        (Piwae(), Ladder(), ("Piwae", "Ladder", "one latent")),
    ],
)
def test_incompatible_models_are_refused_by_name(objective: Any, model: Any, named: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        Experiment(model=model, objective=objective).check(IMAGES)
    assert all(name in str(caught.value) for name in named)
    assert "\n" not in str(caught.value)


def test_info_accepts_any_prior_that_receives_a_gradient() -> None:
    for prior in (Mixture(), Vamp()):
        Experiment(model=VAE(prior=prior), objective=Info(alpha=0.5)).check(IMAGES)
    Experiment(model=VAE(prior=Flow()), objective=Info(alpha=1.0)).check(IMAGES)


@pytest.mark.parametrize("kind", OF_ONE_LATENT)
def test_a_penalty_is_added_once_and_averaged_over_images(kind: type) -> None:
    """Also at later steps, when the state of the objective has changed."""
    q, penalty = random_posterior(), torch.tensor([1.0, 2.0, 3.0, 10.0], dtype=torch.float64)
    with_penalty, without = (kind().build_for(2, ImageFormat(1, 8, 8)) for _ in range(2))
    for loss in (with_penalty, without):
        if isinstance(loss, torch.nn.Module):
            loss.double()
    if isinstance(with_penalty, torch.nn.Module):
        with_penalty.load_state_dict(without.state_dict())
    for seed in range(3):
        losses = []
        for loss, given in ((with_penalty, penalty), (without, None)):
            torch.manual_seed(seed)
            losses.append(loss(trace_of(q, 8, penalty=given, shape=(8, 8)), PROGRESS))
        close(losses[0] - losses[1], penalty.mean())


def test_the_commitment_of_a_codebook_is_added_once() -> None:
    """0.25 |vector - code|^2, summed over positions and dimensions, averaged over images."""
    spec = VAE(latent=2, posterior=Codebook(size=6), prior=UniformCodes())
    model = spec.build(IMAGES).double().eval()
    x = torch.rand(4, 1, 8, 8, dtype=torch.float64)
    trace = model(x, None, 3)
    vectors = model.posterior.vector(model.network.encode(x, None))
    commitment = 0.25 * (vectors - trace.latents[0].z[0]).square().sum() / 4
    kl = len(trace.latents[0].code[0, 0]) * math.log(6)
    assert commitment > 1e-3
    for objective in (Elbo(), Iwae()):
        close(objective(trace, PROGRESS) - trace.reconstruction.mean() - kl, commitment, atol=1e-5)
    # It is not part of the bound and is not reported as such.
    close(trace.total.mean(), trace.reconstruction.mean() + kl, atol=1e-5)


# Every objective with non-default values in all fields.
NON_DEFAULT: tuple[Any, ...] = (
    Elbo(Linear(epochs=3, smooth=True), samples=2),
    FreeBits(0.125, Cyclical(cycles=2), samples=2),
    Capacity(12.5, Linear(epochs=2, stop=7.0), samples=2),
    Geco(-12.5, 0.25, 0.5, samples=2),
    Iwae(samples=7),
    Dreg(samples=7),
    TotalCorrelation(2.0, 3.0, 4.0, samples=2),
    Factor(6.5, (5, 4), samples=2),
    DipI(1.5, 2.5, samples=2),
    DipII(1.5, 2.5, samples=2),
    Info(-0.5, 12.0, samples=2),
    Lagging(Elbo(samples=2), 4),
    Perceptual(Elbo(samples=2), MsSsim(scales=2), 7.5),
    NeighbourEmbedding(Elbo(samples=2), Linear(epochs=1, start=5.0), 4.0, 0.5, 64),
    Miwae(samples=6, groups=3),
    Ciwae(samples=7, share=0.25),
    Piwae(samples=6, groups=3),
    StickingTheLanding(samples=2),
    ReweightedWakeSleep(samples=3, wake=0.5, sleep=0.25),
    Vimco(samples=3),
    Wae(Rbf(scales=(0.5, 2.0)), 12.0, samples=2),
    SlicedWasserstein(7, 12.0, samples=2),
    Adversarial(6.5, (5, 4), samples=2),
    AdversarialReconstruction(Elbo(samples=2), 0.25, 2.5, False, 8, 2),
    VaeGan(0.5, 0.25, 2.0, (4, 5), samples=2),
    SemiAmortised(2, 0.25, False, 2.0, draws=3, samples=2),
    Rae(0.5, 0.25, GradientPenalty(), samples=2),
    JointCapacity(12.5, Linear(epochs=2, stop=7.0), Linear(epochs=2, stop=3.0), samples=2),
    Hamiltonian(2, 0.1, 0.25, 0.75, True, samples=2),
    RiemannianHamiltonian(2, 0.1, 0.25, 0.75, True, 2, 0.5, 0.1, 20, 16),
    SubsetBounds(Elbo(samples=2), 0.5),
)


@pytest.mark.parametrize("objective", NON_DEFAULT, ids=lambda objective: objective.kind)
def test_every_objective_survives_json(objective: Any) -> None:
    plain = type(objective)()
    for field in fields(objective):
        assert (getattr(objective, field.name) == getattr(plain, field.name)) == (field.name == "kind")
    experiment = Experiment(objective=objective)
    assert decode(Experiment, encode(experiment)) == experiment
    assert encode(objective)["kind"] == objective.kind


def test_every_objective_is_tested() -> None:
    assert {type(objective) for objective in NON_DEFAULT} == set(OBJECTIVES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Elbo(beta="4"), "Elbo.beta is '4', but must be of type ScheduleSpec or a number or a callable"),
        (lambda: Elbo(samples=0), "Elbo.samples is 0, but must be >= 1"),
        (lambda: FreeBits(floor=-0.1), "FreeBits.floor is -0.1, but must be >= 0"),
        (lambda: Capacity(gamma=-1.0), "Capacity.gamma is -1.0, but must be >= 0"),
        (lambda: Capacity(capacity=None), "Capacity.capacity is None"),
        (lambda: Geco(rate=0.0), "Geco.rate is 0.0, but must be > 0"),
        (lambda: Geco(memory=1.0), "Geco.memory is 1.0, but must be < 1"),
        (lambda: Geco(tolerance="100"), "Geco.tolerance is '100', but must be of type int or float"),
        (lambda: Iwae(samples=2.5), "Iwae.samples is 2.5, but must be of type int"),
        (lambda: Dreg(samples=0), "Dreg.samples is 0, but must be >= 1"),
        (lambda: TotalCorrelation(weight=-1.0), "TotalCorrelation.weight is -1.0, but must be >= 0"),
        (lambda: Factor(gamma=math.nan), "Factor.gamma is nan, but must be finite"),
        (lambda: Factor(hidden=(64, 0)), "Factor.hidden is (64, 0), but every width must be >= 1"),
        (lambda: DipI(off=-1.0), "DipI.off is -1.0, but must be >= 0"),
        (lambda: DipII(on=-1.0), "DipII.on is -1.0, but must be >= 0"),
        (lambda: Info(alpha=1.5), "Info.alpha is 1.5, but must be <= 1"),
        (lambda: Info(weight=-1.0), "Info.weight is -1.0, but must be >= 0"),
        (lambda: Miwae(samples=10, groups=4), "Miwae.groups is 4, but must divide the number of draws, 10"),
        (lambda: Piwae(samples=3), "Piwae.groups is 8, but must divide the number of draws, 3"),
        (lambda: Ciwae(share=1.5), "Ciwae.share is 1.5, but must be <= 1"),
        (lambda: Vimco(samples=1), "Vimco.samples is 1, but must be >= 2"),
        (lambda: ReweightedWakeSleep(samples=1), "ReweightedWakeSleep.samples is 1, but must be >= 2"),
        (lambda: ReweightedWakeSleep(wake=0.0), "ReweightedWakeSleep.wake and .sleep are both 0"),
        (lambda: Wae(kernel="rbf"), "Wae.kernel is 'rbf', but must be of type KernelSpec"),
        (lambda: Wae(kernel=Rbf(scales=())), "Rbf.scales is empty"),
        (lambda: InverseMultiquadratic(scales=(1.0, 0.0)), "InverseMultiquadratic.scales[1] is 0.0, but must be > 0"),
        (lambda: SlicedWasserstein(projections=0), "SlicedWasserstein.projections is 0, but must be >= 1"),
        (lambda: Adversarial(hidden=(64, 0)), "Adversarial.hidden[1] is 0, but must be >= 1"),
        (
            lambda: decode(Experiment, {"objective": {"kind": "geco", "tolerence": 1}}),
            "objective.tolerence: unknown field of Geco; did you mean tolerance?",
        ),
        (lambda: decode(Experiment, {"objective": {"kind": "dreg", "samples": 0}}), "objective.samples: "),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert message in str(caught.value)


def test_the_reported_beta_is_the_weight_of_the_kl() -> None:
    midway = Progress(epoch=5, step=0, steps=1, epochs=10)
    betas = {type(objective).__name__: objective.beta(midway) for objective in (kind() for kind in OBJECTIVES)}
    assert {betas.pop(name) for name in ("Info", "Wae", "SlicedWasserstein", "Adversarial")} == {0.0}
    assert set(betas.values()) == {1.0}
    assert Elbo(beta=Linear(epochs=10)).beta(midway) == 0.5
    assert FreeBits(beta=Linear(epochs=20)).beta(midway) == 0.25
    assert Info(alpha=0.25).beta(midway) == 0.75
    assert Capacity().schedules == (Capacity().capacity,)


def almost_frozen(objective: Any) -> Experiment:
    """A run with a negligible learning rate, so that its numbers are those of the initial weights."""
    training = Training(epochs=1, batch_size=150, optimiser=Adam(learning_rate=1e-30), precision="fp32")
    return Experiment(model=VAE(network=Mlp(hidden=(8,))), objective=objective, training=training)


def test_reported_numbers_do_not_depend_on_the_objective(digits: ImageData, tmp_path: Path) -> None:
    """They are the reconstruction and the full KL of the trace, for any loss."""
    strong = (Elbo(beta=Constant(50.0)), TotalCorrelation(9.0), Info(weight=1e6), Geco(tolerance=1.0), Factor())
    runs = [
        train(almost_frozen(objective), tmp_path / str(index), data=digits)
        for index, objective in enumerate((Elbo(), *strong))
    ]
    model, plain = runs[0].model, runs[0].rows[-1]
    x = torch.from_numpy(digits.split("test").images).float() / 255
    assert float(plain["test_kl"]) == pytest.approx(kl_divergence(model.encode(x), model.prior()).mean().item(), 1e-5)
    for row in (run.rows[-1] for run in runs):
        for name in ("test_reconstruction", "test_kl", "test_total"):
            assert float(row[name]) == pytest.approx(float(plain[name]), rel=1e-6)
        assert float(row["test_total"]) == pytest.approx(float(row["test_reconstruction"]) + float(row["test_kl"]))


@pytest.mark.parametrize("kind", OF_ONE_LATENT)
def test_a_loss_does_not_change_the_trace(kind: type) -> None:
    trace, loss = trace_of(random_posterior(), 8, shape=(8, 8)), kind().build_for(2, ImageFormat(1, 8, 8))
    if isinstance(loss, torch.nn.Module):
        loss.double()
    untouched = replace(trace)
    loss(trace, PROGRESS).detach()
    for name in ("total", "kl", "reconstruction", "log_weight"):
        assert torch.equal(getattr(trace, name), getattr(untouched, name))
