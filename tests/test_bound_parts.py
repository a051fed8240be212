"""The parts of the ELBO against integrals and closed forms, and their diagnosis."""

from __future__ import annotations

import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.distributions import Distribution

from vaelab import (
    VAE,
    Codebook,
    ConditionalNormal,
    Constant,
    Elbo,
    Experiment,
    Flow,
    FlowPosterior,
    FullGaussian,
    GaussianPixels,
    Ladder,
    Mixture,
    Mlp,
    ResNet,
    Training,
    UniformCodes,
    Vamp,
)
from vaelab.data import Digits, Dynamic, ImageData, Threshold
from vaelab.distributions import MultivariateNormal, diagonal_normal
from vaelab.errors import UserError
from vaelab.metrics.checks import same_shape
from vaelab.metrics.rate import (
    AggregatePosterior,
    Diagnosis,
    UnitKind,
    Verdict,
    aggregate_parts,
    decoder_use,
    diagnose,
    diagnose_split,
    elbo_parts,
    estimate,
    latent_units,
    split_rate,
)
from vaelab.metrics.rate.draws import draw_posteriors
from vaelab.models.vae import VAEModel
from vaelab.tracking.train import train

Array = NDArray[np.float64]

# Three posteriors in two dimensions: two overlap, one is separate.
MEANS = np.array([[0.0, 0.3], [0.8, -0.2], [-1.5, 2.0]])
DEVIATIONS = np.array([[0.5, 0.9], [0.7, 0.4], [1.1, 0.3]])


def normal(means: Array, deviations: Array) -> Distribution:
    return diagonal_normal(torch.from_numpy(means), torch.from_numpy(deviations))


def closed_rate(means: Array, deviations: Array) -> Array:
    """KL(N(mean, deviation^2) || N(0, 1)) in each dimension."""
    return (means**2 + deviations**2 - 1) / 2 - np.log(deviations)


def random_posteriors(images: int, dimensions: int, seed: int = 0) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    return random.normal(size=(images, dimensions)), random.uniform(0.2, 1, (images, dimensions))


def correlated(images: int, covariance: Array, deviation: float, seed: int = 0) -> tuple[Array, Array]:
    """Posteriors of one width whose aggregate is N(0, covariance), up to sampling error."""
    dimensions = len(covariance)
    own = covariance - deviation**2 * np.eye(dimensions)
    means = np.random.default_rng(seed).multivariate_normal(np.zeros(dimensions), own, images)
    return means, np.full_like(means, deviation)


def integrals() -> dict[str, float]:
    """The parts of the rate of the three posteriors, by sums over a fine grid."""
    step = 0.02
    axis = np.arange(-7, 7, step)
    marginals_of = [
        [np.exp(-(((axis - m) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi)) for m, s in zip(*row, strict=True)]
        for row in zip(MEANS, DEVIATIONS, strict=True)
    ]
    joints = np.stack([np.outer(first, second) for first, second in marginals_of])
    q, marginals = joints.mean(0), np.mean(marginals_of, 0)
    prior = np.exp(-(axis**2) / 2) / math.sqrt(2 * math.pi)

    def kl(p: Array, r: Array) -> float:
        return float((p * np.log(p / r)).sum() * step**p.ndim)

    return {
        "information": float(np.mean([kl(joint, q) for joint in joints])),
        "marginal_kl": kl(q, np.outer(prior, prior)),
        "total_correlation": kl(q, np.outer(*marginals)),
        "dimension_wise": sum(kl(marginal, prior) for marginal in marginals),
    }


# The parts of the rate.


def test_estimates_match_the_integrals_within_their_standard_errors() -> None:
    exact = integrals()
    split = aggregate_parts(MEANS, DEVIATIONS, draws=60_000)
    for name, value in exact.items():
        part = getattr(split, name)
        assert part.standard_error < 0.01
        assert abs(part.mean - value) < 4 * part.standard_error, name
        assert part.interval.low < part.mean < part.interval.high
    assert split.rate.mean == pytest.approx(closed_rate(MEANS, DEVIATIONS).sum(1).mean())
    assert split.ceiling == math.log(3)


def test_standard_errors_match_the_scatter_of_estimates() -> None:
    """About 95 per cent of estimates lie within two standard errors of the integral, and of intervals cover it."""
    exact = integrals()
    splits = [aggregate_parts(MEANS, DEVIATIONS, draws=300, seed=seed) for seed in range(80)]
    for name, value in exact.items():
        estimates = [getattr(split, name) for split in splits]
        scatter = np.std([part.mean for part in estimates])
        errors = np.array([part.standard_error for part in estimates])
        within = np.mean([abs(part.mean - value) < 2 * part.standard_error for part in estimates])
        covered = np.mean([part.interval.low < value < part.interval.high for part in estimates])
        # Sampling is stratified by image, so that the scatter is at most the standard error.
        assert min(within, covered) >= 0.88, name
        assert scatter / errors.mean() < 1.25, name
        more = getattr(aggregate_parts(MEANS, DEVIATIONS, draws=4800), name)
        assert errors.mean() / more.standard_error == pytest.approx(4, rel=0.15), name


@pytest.mark.parametrize(("images", "draws"), [(40, 40), (40, 25), (40, 103), (2, 300), (700, 650)])
def test_parts_add_up_exactly_to_the_rate(images: int, draws: int) -> None:
    means, deviations = random_posteriors(images, 3)
    split = aggregate_parts(means, deviations, draws)
    assert split.marginal_kl is not None
    assert split.total_correlation is not None
    assert split.dimension_wise is not None
    assert split.by_dimension is not None
    rate = closed_rate(means, deviations).sum(1).mean()
    assert split.rate.mean == pytest.approx(rate, rel=1e-12)
    assert split.information.mean + split.marginal_kl.mean == pytest.approx(rate, rel=1e-10)
    assert split.total_correlation.mean + split.dimension_wise.mean == pytest.approx(split.marginal_kl.mean, abs=1e-9)
    assert sum(split.by_dimension) == pytest.approx(split.dimension_wise.mean, abs=1e-9)
    assert (split.n_images, split.draws) == (images, draws)


def test_the_aggregate_is_the_mean_density_of_all_images() -> None:
    means, deviations = random_posteriors(5, 2)
    draws = random_posteriors(4, 2, seed=1)[0]
    log_joint, log_marginals = AggregatePosterior([normal(means, deviations)]).log_prob(torch.from_numpy(draws))
    assert log_marginals is not None

    def density(z: float, m: float, s: float) -> float:
        return math.exp(-(((z - m) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi))

    for i, z in enumerate(draws):
        densities = [[density(z[d], means[n, d], deviations[n, d]) for d in range(2)] for n in range(5)]
        assert log_joint[i].item() == pytest.approx(math.log(sum(a * b for a, b in densities) / 5))
        for d in range(2):
            assert log_marginals[i, d].item() == pytest.approx(math.log(sum(row[d] for row in densities) / 5))


def test_the_aggregate_does_not_depend_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    means, deviations = random_posteriors(50, 3)
    z = torch.from_numpy(random_posteriors(200, 3, seed=1)[0])
    whole = AggregatePosterior([normal(means, deviations)]).log_prob(z)
    monkeypatch.setattr("vaelab.metrics.rate.aggregate._CELLS", 500)
    batches = [normal(means[rows], deviations[rows]) for rows in (slice(0, 7), slice(7, 45), slice(45, 50))]
    for one, other in zip(whole, AggregatePosterior(batches).log_prob(z), strict=True):
        torch.testing.assert_close(one, other)


def test_parts_of_a_correlated_gaussian_match_closed_forms() -> None:
    """Total correlation -1/2 ln 0.19, and information H(z) - H(z | x)."""
    split = aggregate_parts(*correlated(3000, np.array([[1, 0.9], [0.9, 1]]), 0.2), draws=3000)
    assert split.total_correlation is not None
    assert split.dimension_wise is not None
    assert split.total_correlation.mean == pytest.approx(-0.5 * math.log(0.19), abs=0.03)
    assert split.information.mean == pytest.approx(0.5 * math.log(0.19) - 2 * math.log(0.2), abs=0.04)
    assert split.dimension_wise.mean == pytest.approx(0, abs=0.01)


def test_a_posterior_that_ignores_its_image_has_no_information() -> None:
    means, deviations = np.tile([0.5, -1.0], (20, 1)), np.tile([0.8, 1.5], (20, 1))
    split = aggregate_parts(means, deviations, draws=5000)
    assert split.information.mean == pytest.approx(0, abs=1e-12)
    assert split.information_by_dimension == pytest.approx((0, 0), abs=1e-12)
    assert split.information.standard_error == pytest.approx(0, abs=1e-12)
    assert split.total_correlation is not None
    assert split.total_correlation.mean == pytest.approx(0, abs=1e-12)
    assert split.by_dimension == pytest.approx(tuple(closed_rate(means[0], deviations[0])), abs=0.03)


def test_well_separated_posteriors_identify_their_image() -> None:
    means = np.stack([100.0 * np.arange(25), np.zeros(25)], 1)
    split = aggregate_parts(means, np.ones((25, 2)), draws=100)
    assert split.information.mean == pytest.approx(math.log(25), abs=1e-12)
    assert split.identification == pytest.approx(1)
    # The second dimension is the same for all.
    assert split.information_by_dimension == pytest.approx((math.log(25), 0), abs=1e-12)
    assert split.marginal_kl is not None
    assert split.marginal_kl.mean == pytest.approx(split.rate.mean - math.log(25))


def test_every_image_is_sampled_equally_often() -> None:
    means = 10.0 * np.arange(20)[:, None]
    batches = [normal(means[rows], np.full_like(means[rows], 0.1)) for rows in (slice(0, 8), slice(8, 20))]
    drawn = draw_posteriors(batches, [normal(np.zeros(1), np.ones(1))] * 2, draws=57, seed=0)
    counts = np.bincount(np.rint(drawn.z.numpy()[:, 0] / 10).astype(np.int64), minlength=20)
    assert sorted(counts.tolist()) == [2] * 3 + [3] * 17
    assert drawn.log_q.mean().item() == pytest.approx(-0.5 - math.log(0.1 * math.sqrt(2 * math.pi)), abs=0.4)
    np.testing.assert_allclose(drawn.rate, closed_rate(means, np.array(0.1))[:, 0])


def test_the_given_prior_is_used() -> None:
    means, deviations = random_posteriors(30, 2)
    scale = np.array([2.0, 0.5])
    prior = diagonal_normal(torch.tensor([1.0, -1.0]).double(), torch.from_numpy(scale))
    one = aggregate_parts(means, deviations, 500, prior)
    other = aggregate_parts((means - [1, -1]) / scale, deviations / scale, 500)
    for name in ("rate", "information", "marginal_kl", "total_correlation", "dimension_wise"):
        assert getattr(one, name).mean == pytest.approx(getattr(other, name).mean, rel=1e-9), name


def test_total_correlation_within_full_gaussians_is_counted() -> None:
    """Posteriors that are all N(0, C) are their own aggregate: the whole rate is total correlation."""
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64)
    q = MultivariateNormal(torch.zeros(10, 2, dtype=torch.float64), covariance.expand(10, 2, 2))
    p = normal(np.zeros(2), np.ones(2))
    exact = -0.5 * math.log(0.19)
    split = split_rate([q], [p], draws=200)
    assert split.total_correlation is not None
    assert split.total_correlation.mean == pytest.approx(exact)
    assert split.information.mean == pytest.approx(0, abs=1e-9)
    assert split.by_dimension == pytest.approx((0, 0), abs=1e-9)
    # With different means and diagonal covariances, the results equal those of independent dimensions.
    means, deviations = random_posteriors(10, 2)
    narrow = MultivariateNormal(torch.from_numpy(means), torch.diag_embed(torch.from_numpy(deviations) ** 2))
    one, other = split_rate([narrow], [p], 500), split_rate([normal(means, deviations)], [p], 500)
    assert one.rate.mean == pytest.approx(other.rate.mean)
    for name in ("information", "total_correlation", "dimension_wise"):
        assert getattr(one, name).mean == pytest.approx(getattr(other, name).mean, abs=0.1), name


def test_the_marginal_kl_is_not_split_for_a_prior_with_dependent_dimensions() -> None:
    means, deviations = random_posteriors(40, 2)
    torch.manual_seed(0)
    mixture = VAE(prior=Mixture(components=3)).build(Digits().load().format).prior.double()()
    split = aggregate_parts(means, deviations, 400, mixture)
    assert (split.total_correlation, split.dimension_wise, split.by_dimension) == (None, None, None)
    assert split.left_out is not None
    assert "total correlation and dimension-wise KL is left out" in split.left_out
    assert split.marginal_kl is not None
    assert split.information.mean + split.marginal_kl.mean == pytest.approx(split.rate.mean, rel=1e-9)
    # The information does not depend on the prior; the KL to this prior is sampled.
    assert split.information.mean == pytest.approx(aggregate_parts(means, deviations, 400).information.mean, abs=0.05)
    with torch.no_grad():
        z = normal(means, deviations).sample((20_000,))
        rate = (normal(means, deviations).log_prob(z) - mixture.log_prob(z)).mean().item()
    assert split.rate.mean == pytest.approx(rate, abs=0.15)


# The ELBO of a model.


@pytest.fixture(scope="module")
def bars() -> ImageData:
    """Grey images of 3 x 4 pixels that differ a lot."""
    random = np.random.default_rng(0)
    return ImageData("bars", random.integers(0, 256, (200, 1, 3, 4)).astype(np.uint8))


@pytest.fixture(scope="module")
def linear(bars: ImageData) -> VAEModel:
    """Affine encoder and decoder with normal pixels: every mean is known."""
    torch.manual_seed(1)
    model = VAE(latent=2, network=Mlp(hidden=()), likelihood=GaussianPixels(sigma=0.5)).build(bars.format).double()
    with torch.no_grad():
        model.posterior.mean.weight.mul_(8)
        model.posterior.log_variance.bias.sub_(1.5)
    return model


def test_distortion_and_rate_of_a_linear_model_match_closed_forms(linear: VAEModel, bars: ImageData) -> None:
    x = bars.tensors()[0].double()
    with torch.no_grad():
        q = linear.encode(x)
        layer = linear.network.decoder[0]
        off = (x.flatten(1) - q.mean @ layer.weight.T - layer.bias).square().sum(1)
        spread = (q.variance @ layer.weight.square().T).sum(1)
        distortion = ((off + spread) / (2 * 0.25) + 12 * math.log(0.5 * math.sqrt(2 * math.pi))).numpy()
        means, deviations = q.mean.numpy(), q.stddev.numpy()
    rate = closed_rate(means, deviations)
    parts = elbo_parts(linear, bars, samples=1500, draws=1000, batch_size=64)
    assert parts.distortion.mean == pytest.approx(distortion.mean(), abs=0.03)
    assert parts.distortion.standard_error == pytest.approx(distortion.std() / math.sqrt(199), rel=0.01)
    assert parts.distortion_is == "negative log-likelihood"
    assert parts.rate.mean == pytest.approx(rate.sum(1).mean(), rel=1e-9)
    assert parts.rate.standard_error == pytest.approx(rate.sum(1).std() / math.sqrt(199))
    assert parts.total.mean == pytest.approx(parts.distortion.mean + parts.rate.mean)
    assert parts.total.standard_error == pytest.approx((distortion + rate.sum(1)).std() / math.sqrt(199), rel=0.01)
    assert parts.rate_by_group == pytest.approx((parts.rate.mean,))
    assert parts.left_out is None
    assert parts.split is not None
    assert parts.units is not None
    assert parts.units.kl is not None
    np.testing.assert_allclose(parts.units.kl, rate.mean(0))
    np.testing.assert_allclose(parts.units.variance, means.var(0))
    exact = aggregate_parts(means, deviations, draws=20_000)
    assert abs(parts.split.information.mean - exact.information.mean) < 4 * parts.split.information.standard_error


def test_dimensions_are_scaled_by_the_prior_of_their_image(digits: ImageData) -> None:
    """A constant posterior varies relative to the priors of two separate classes."""
    test = digits.split("test")
    model = VAE(latent=2, conditional=True, prior=ConditionalNormal()).build(test.format)
    with torch.no_grad():
        for layer, value in ((model.posterior.mean, 0.0), (model.posterior.log_variance, 2 * math.log(0.4))):
            layer.weight.zero_()
            layer.bias.fill_(value)
        model.prior.mean.weight.zero_()
        model.prior.mean.weight[0, :5] = 1.0
        model.prior.log_variance.weight.fill_(2 * math.log(0.42))
    units = elbo_parts(model, test, draws=50).units
    assert units is not None
    assert units.kl is not None
    assert test.labels is not None
    centred = np.where(test.labels < 5, -1 / 0.42, 0.0)
    np.testing.assert_allclose(units.variance, [centred.var(), 0], atol=1e-6)
    np.testing.assert_allclose(
        units.kl, [closed_rate(means, np.array(0.4 / 0.42)).mean() for means in (centred, 0 * centred)], 1e-5
    )
    # A width of 0.4 against 0.42 differs by 0.05 nats, too little to count.
    assert units.kinds == (UnitKind.noisy, UnitKind.off)
    np.testing.assert_allclose(units.used, [0, 0])


def test_decoder_use_is_the_share_of_variance_that_comes_from_z(linear: VAEModel, bars: ImageData) -> None:
    """For an affine decoder the covariance of images is W Cov(z) W^T."""
    x = bars.tensors()[0].double()
    with torch.no_grad():
        q, weight = linear.encode(x), linear.network.decoder[0].weight
        covariance = q.mean.T.cov(correction=0) + torch.diag(q.variance.mean(0))
        exact = float((weight @ covariance @ weight.T).trace() / x.flatten(1).var(0, correction=0).sum())
    estimates = [decoder_use(linear, bars, batch_size=64, seed=seed) for seed in range(20)]
    assert np.mean(estimates) == pytest.approx(exact, rel=0.05)
    # Draws equal to their means are decoded once for their own image and once for another, for any batch size.
    certain = deepcopy(linear)
    with torch.no_grad():
        certain.posterior.log_variance.bias.fill_(-30)
        z = certain.encode(x).mean
        squares = (z - z[np.random.default_rng(3).permutation(200)]) @ weight.T
        exact = float(squares.square().sum() / 400 / x.flatten(1).var(0, correction=0).sum())
    for size in (7, 200):
        assert decoder_use(certain, bars, batch_size=size, seed=3) == pytest.approx(exact, rel=1e-4)


def test_distortion_is_a_cross_entropy_only_on_grey_pixels(digits: ImageData) -> None:
    test = digits.split("test")
    model = VAE().build(test.format)
    assert elbo_parts(model, test, draws=50).distortion_is == "cross-entropy"
    assert elbo_parts(model, test, Threshold(), draws=50).distortion_is == "negative log-likelihood"


def test_the_seed_fixes_the_numbers_and_the_rng_state_is_restored(digits: ImageData) -> None:
    test = digits.split("test")
    model = VAE().build(test.format)
    model.train()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one = elbo_parts(model, test, Dynamic(), draws=80)
    use = decoder_use(model, test, Dynamic())
    assert torch.equal(torch.rand(1), expected)
    assert model.training
    two, other = elbo_parts(model, test, Dynamic(), draws=80), elbo_parts(model, test, Dynamic(), draws=80, seed=1)
    assert (one.split, one.distortion, one.total) == (two.split, two.distortion, two.total)
    assert one.distortion.mean != other.distortion.mean
    assert use == decoder_use(model, test, Dynamic())
    assert use != decoder_use(model, test, Dynamic(), seed=1)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (VAE(latent=3), None),
        (VAE(conditional=True), None),
        (VAE(latent=3, posterior=FullGaussian()), None),
        (VAE(prior=Vamp(components=4)), "the prior is not normal with independent dimensions"),
        (VAE(prior=Flow()), "the prior is not normal with independent dimensions"),
        (VAE(latent=3, posterior=FlowPosterior()), "the posteriors are not normal"),
        (VAE(conditional=True, prior=ConditionalNormal()), "the prior depends on the image"),
    ],
)
def test_the_rate_of_any_model_with_one_real_latent_is_split(spec: VAE, reason: str | None, digits: ImageData) -> None:
    test = digits.split("test")
    torch.manual_seed(0)
    model = spec.build(test.format)
    parts = elbo_parts(model, test, samples=3, draws=200)
    assert parts.split is not None
    assert parts.units is not None
    assert reason in parts.left_out if reason and parts.left_out else parts.left_out is reason
    assert (parts.split.marginal_kl is None) == isinstance(spec.prior, ConditionalNormal)
    # The posterior of an untrained model has almost no information.
    assert parts.split.information.mean == pytest.approx(0, abs=0.02)
    if parts.split.marginal_kl is not None:
        rest = parts.split.information.mean + parts.split.marginal_kl.mean
        assert rest == pytest.approx(parts.split.rate.mean, rel=1e-5, abs=1e-5)
    error = 5 * (parts.rate.standard_error + parts.split.rate.standard_error)
    assert parts.split.rate.mean == pytest.approx(parts.rate.mean, abs=error)
    assert set(parts.units.kinds) == {UnitKind.off}
    assert diagnose(parts).verdict is Verdict.collapsed


def test_codebooks_and_hierarchies_have_a_rate_and_no_split(digits: ImageData) -> None:
    test = digits.split("test")
    codebook = VAE(latent=4, posterior=Codebook(size=32), prior=UniformCodes(), network=ResNet()).build(test.format)
    codebook.train()
    before = deepcopy(codebook.state_dict())
    parts = elbo_parts(codebook, test)
    # A codebook in training mode would change.
    assert all(torch.equal(before[name], value) for name, value in codebook.state_dict().items())
    assert (parts.split, parts.units) == (None, None)
    # -log p(code) of a uniform prior: log 32 per position.
    assert parts.rate.mean == pytest.approx(codebook.network.positions * math.log(32), rel=1e-5)
    assert parts.rate.standard_error == 0
    with pytest.raises(UserError, match="whose codes come from a codebook: its rate is one of codes"):
        diagnose(parts)
    ladder = elbo_parts(Ladder(groups=(1, 1), width=8).build(test.format), test, samples=2)
    assert len(ladder.rate_by_group) == 2
    assert sum(ladder.rate_by_group) == pytest.approx(ladder.rate.mean)
    with pytest.raises(UserError, match="the rate of each group can be measured"):
        diagnose(ladder)
    assert decoder_use(codebook, test) < 0.01


# The diagnosis in words.


def diagnosis_of(means: Array, deviations: Array, use: float | None = None) -> Diagnosis:
    kl = closed_rate(means, deviations).mean(0)
    return diagnose_split(aggregate_parts(means, deviations, draws=1000), latent_units(means, deviations, kl), use)


def concatenated(*pairs: tuple[Array, Array]) -> tuple[Array, Array]:
    means, deviations = (np.concatenate(parts, 1) for parts in zip(*pairs, strict=True))
    return means, deviations


N = 1000
UNUSED = np.zeros((N, 1)), np.ones((N, 1))
USED = correlated(N, np.eye(2), 0.2)


def test_a_healthy_model_is_diagnosed_with_its_numbers() -> None:
    diagnosis = diagnosis_of(*USED, use=0.4)
    assert diagnosis.verdict is Verdict.healthy
    text = str(diagnosis)
    assert text.startswith("No collapse: 2 of 2 dimensions are active (the variance of the posterior mean")
    assert "exceeds 0.01)" in text
    rate = closed_rate(*USED).sum(1).mean()
    assert f"Of a rate of {rate:.2f} nats per image" in text
    assert "(at most log 1,000 = 6.91)" in text
    assert "vary by 40 per cent of the variance of the data." in text
    for absent in ("ceiling", "far from", "Mixed", "Noisy", "switched off", "ignore"):
        assert absent not in text


def test_dimensions_that_are_switched_off_are_counted() -> None:
    diagnosis = diagnosis_of(*concatenated(USED, *[UNUSED] * 7))
    assert diagnosis.verdict is Verdict.partly_collapsed
    assert "Partial collapse: 2 of 9 dimensions are active" in str(diagnosis)
    assert "; 7 switched off, at a KL of at most 0 nats each." in str(diagnosis)


def test_a_posterior_that_is_the_prior_is_a_full_collapse() -> None:
    diagnosis = diagnosis_of(*concatenated(UNUSED, UNUSED))
    assert diagnosis.verdict is Verdict.collapsed
    assert "0 of 2 dimensions are active" in str(diagnosis)
    assert "Of a rate of 0.00 nats per image, 0.00 nats are information" in str(diagnosis)
    assert "the decoder can only ignore z" in str(diagnosis)
    assert "not the prior either" not in str(diagnosis)
    elsewhere = diagnosis_of(np.full((N, 1), 3.0), np.ones((N, 1)))
    assert elsewhere.verdict is Verdict.collapsed
    assert "It is not the prior either: 4.50 nats of rate carry no information." in str(elsewhere)


def test_a_decoder_that_ignores_an_informative_latent_is_a_full_collapse() -> None:
    diagnosis = diagnosis_of(*USED, use=0.002)
    assert diagnosis.verdict is Verdict.collapsed
    assert "vary by 0.2 per cent of the variance of the data: it ignores z." in str(diagnosis)
    assert "2 of 2 dimensions are active" in str(diagnosis)


def test_information_at_its_ceiling_is_a_lower_bound() -> None:
    named = diagnosis_of(*correlated(N, np.eye(4), 0.001))
    assert named.verdict is Verdict.healthy
    assert "The information is at its ceiling: z identifies its image with a probability of 100 per cent" in str(named)
    near = diagnosis_of(*correlated(N, np.eye(4), 0.18))
    assert "The information is near its ceiling" in str(near)


def test_latents_that_fill_little_of_the_prior_are_far_from_it() -> None:
    narrow = diagnosis_of(*correlated(N, 0.3**2 * np.eye(2), 0.1))
    assert narrow.verdict is Verdict.far
    exact = 2 * closed_rate(np.zeros(1), np.full(1, 0.3))[0]
    assert "samples from the prior land where the decoder was not trained" in str(narrow)
    assert any(f"at least {exact + off:.2f} nats" in str(narrow) for off in np.arange(-0.1, 0.11, 0.01))
    # Each dimension alone matches the prior; jointly they are -1/2 ln(1 - 0.96^2) = 1.27 nats from it.
    line = correlated(N, np.array([[1, 0.96], [0.96, 1]]), 0.19)
    assert diagnosis_of(*line).verdict is Verdict.far
    # With posteriors this narrow, 1000 images are too few to distinguish a line from a plane.
    thin = line[0], np.full_like(line[1], 1e-4)
    assert diagnosis_of(*thin).verdict is Verdict.healthy


def test_units_are_classified_by_the_share_of_images_that_use_them() -> None:
    random = np.random.default_rng(0)
    quarter = (np.arange(N) % 4 == 0)[:, None]
    mixed = np.where(quarter, random.normal(size=(N, 1)), 0), np.where(quarter, 0.1, 1.0)
    noisy = 0.3 * random.normal(size=(N, 1)), np.full((N, 1), 0.97)
    means, deviations = concatenated(USED, mixed, noisy, UNUSED)
    units = latent_units(means, deviations)
    assert units.kinds == (UnitKind.active, UnitKind.active, UnitKind.mixed, UnitKind.noisy, UnitKind.off)
    assert units.used is not None
    np.testing.assert_allclose(units.used, [1, 1, 0.25, 0, 0])
    np.testing.assert_allclose(units.variance, means.var(0))
    assert units.of_kind(UnitKind.noisy, UnitKind.off).tolist() == [3, 4]
    text = str(diagnosis_of(means, deviations))
    assert (
        "Mixed: dimension 2 has a posterior narrower than the prior for some images only, 25 per cent to 25 per cent"
        in text
    )
    assert "Noisy: dimension 3 has a mean with a variance of up to" in text
    assert "as wide as the prior for at least 100 per cent of the images" in text
    without = latent_units(means, threshold=0.15)
    assert without.kinds == (*[UnitKind.active] * 3, UnitKind.off, UnitKind.off)
    assert without.used is None


@pytest.fixture(scope="module")
def diagnoses(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Diagnosis]:
    """The diagnosis of a small model trained on real digits, by beta."""
    data = Digits().load()
    folder = tmp_path_factory.mktemp("collapse")
    by_beta = {}
    for beta in (1.0, 500.0):
        experiment = Experiment(
            Digits(),
            model=VAE(latent=2, network=Mlp(hidden=(64,))),
            objective=Elbo(beta=Constant(beta)),
            training=Training(epochs=6, batch_size=32, validation=0),
        )
        model = train(experiment, folder / str(beta), data=data).model
        test = data.split("test")
        by_beta[beta] = diagnose(elbo_parts(model, test, draws=1000), decoder_use(model, test))
    return by_beta


def test_a_trained_model_collapses_only_under_a_huge_beta(diagnoses: dict[float, Diagnosis]) -> None:
    assert diagnoses[1.0].verdict in {Verdict.healthy, Verdict.far}
    assert "2 of 2 dimensions are active" in str(diagnoses[1.0])
    assert diagnoses[500.0].verdict is Verdict.collapsed
    assert "Full collapse: 0 of 2 dimensions are active" in str(diagnoses[500.0])
    assert "it ignores z" in str(diagnoses[500.0])


# Invalid input is refused in one line.


def test_invalid_input_is_refused(digits: ImageData) -> None:
    test = digits.split("test")
    model, two = VAE().build(test.format), np.ones((2, 2))
    still = ImageData("still", np.zeros((3, 1, 28, 28), np.uint8))
    broken = VAE().build(test.format)
    next(broken.parameters()).data[0] = math.nan
    refused = [
        (lambda: aggregate_parts(two[:1], two[:1]), "means has 1 points"),
        (
            lambda: same_shape("deviations", two[:, :1], "means", two),
            "deviations has shape (2, 1), but means has (2, 2)",
        ),
        (lambda: aggregate_parts(two, -two), "deviations[0, 0] is -1.0, but every value must be > 0"),
        (lambda: aggregate_parts(two, two * math.inf), "deviations[0, 0] is inf"),
        (lambda: aggregate_parts(two * math.nan, two), "means[0, 0] is nan"),
        (lambda: aggregate_parts(two, two, draws=1), "draws is 1, but must be >= 2"),
        (lambda: latent_units(two, 0 * two), "deviations[0, 0] is 0.0, but every value must be > 0"),
        (lambda: latent_units(two, threshold=-1.0), "threshold is -1.0"),
        (lambda: estimate(np.ones(1)), "values has 1 points"),
        (lambda: elbo_parts(model, test, samples=0), "samples is 0, but must be >= 1"),
        (lambda: elbo_parts(model, test, draws=1), "draws is 1, but must be >= 2"),
        (lambda: elbo_parts(model, test.take(slice(0, 1))), "the number of images is 1, but must be >= 2"),
        (lambda: elbo_parts(broken, test), "model has weights that are not finite"),
        (lambda: decoder_use(model, still), "data still has 3 images that are all the same"),
        (lambda: decoder_use(broken, test), "model has weights that are not finite"),
    ]
    for measure, message in refused:
        with pytest.raises(UserError) as caught:
            measure()
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
