"""Two views of one latent: products and mixtures of experts against grids, bounds against quadrature, coherence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution

import vaelab as vl
from vaelab.contract import Latent
from vaelab.distributions import StratifiedMixture, diagonal_normal
from vaelab.evaluation.evaluate import evaluate
from vaelab.experts.mixture import mixture_of
from vaelab.experts.mixture_of_products import MixtureOfProductsModule
from vaelab.experts.product import product_of
from vaelab.metrics.samples import train_classifier
from vaelab.testing import check_spec

FORMAT = vl.ImageFormat(1, 4, 4, ("a", "b", "c"))
PRIOR = diagonal_normal(torch.zeros(2).double(), torch.ones(2).double())
EVERY = (vl.ProductOfExperts(), vl.MixtureOfExperts(), vl.MixtureOfProducts())
PROGRESS = vl.Progress(1, 0, 1, 1)


def small(experts: vl.ExpertsSpec, **settings: Any) -> Any:
    """A small model in double precision, away from its start."""
    torch.manual_seed(0)
    spec = vl.Multimodal(2, network=vl.Mlp((6,)), label_network=vl.Mlp((5,)), experts=experts, **settings)
    model: Any = spec.build(FORMAT).double().eval()
    for weight in model.parameters():
        weight.data.mul_(1.5)
    return model


def batch() -> tuple[Tensor, Tensor]:
    """Four images and their labels."""
    torch.manual_seed(3)
    return torch.rand(4, 1, 4, 4).round().double(), torch.tensor([0, 2, 1, 2])


def two_experts(times: int = 1) -> tuple[list[Distribution], Tensor]:
    """The posteriors of two views of three rows: both present, the first alone, none; all repeated."""
    torch.manual_seed(1)
    moments = [(torch.randn(3, 2).double(), torch.rand(3, 2).double() + 0.3) for _ in range(2)]
    experts = [diagonal_normal(mean.repeat(times, 1), scale.repeat(times, 1)) for mean, scale in moments]
    return experts, torch.tensor([[True, True, False], [True, False, False]]).repeat(1, times)


def grid(reach: float = 9.0, points: int = 361) -> tuple[Tensor, float]:
    """Points of the plane, (G, 2), and the area of each."""
    line = torch.linspace(-reach, reach, points, dtype=torch.float64)
    return torch.cartesian_prod(line, line), float(line.diff()[0]) ** 2


def test_a_product_is_the_normalised_product_of_the_densities() -> None:
    experts, present = two_experts()
    z, area = grid()
    log_density = PRIOR.log_prob(z)[:, None].repeat(1, 3)
    for expert, here in zip(experts, present, strict=True):
        log_density += here * expert.log_prob(z[:, None])
    log_density -= (log_density.exp().sum(0) * area).log()
    torch.testing.assert_close(product_of(experts, present, PRIOR).log_prob(z[:, None]), log_density)


def test_mixtures_are_sums_over_what_is_present() -> None:
    """Of the views, or of the products of all sets of views; the prior where there is no view."""
    experts, present = two_experts()
    z = 2 * torch.randn(7, 1, 2).double()
    of_views = [expert.log_prob(z).exp() for expert in experts]
    mixture = torch.stack([(of_views[0] + of_views[1])[:, 0] / 2, of_views[0][:, 1], PRIOR.log_prob(z)[:, 0].exp()], 1)
    torch.testing.assert_close(mixture_of(experts, present, PRIOR).log_prob(z).exp(), mixture)
    both = torch.ones(2, 3, dtype=torch.bool)
    alone = [product_of([expert], both[:1], PRIOR).log_prob(z).exp() for expert in experts]
    product = product_of(experts, both, PRIOR).log_prob(z).exp()
    whole = torch.stack([(sum(alone) + product)[:, 0] / 3, alone[0][:, 1], PRIOR.log_prob(z)[:, 0].exp()], 1)
    torch.testing.assert_close(MixtureOfProductsModule()(experts, present, PRIOR).log_prob(z).exp(), whole)


@pytest.mark.parametrize("draws", [1, 5])
def test_the_sampled_kl_of_a_mixture_is_that_of_quadrature(draws: int) -> None:
    """Also where the draws cannot be shared out equally: they are in expectation."""
    experts, present = two_experts()
    q = mixture_of(experts, present, PRIOR)
    z, area = grid()
    log_q = q.log_prob(z[:, None])
    exact = (log_q.exp() * (log_q - PRIOR.log_prob(z)[:, None])).sum(0) * area
    many = mixture_of(*two_experts(20_000), PRIOR)
    torch.manual_seed(0)
    code = many.rsample((draws,))
    found = Latent(many, code, code, p=PRIOR).kl().mean(0).reshape(20_000, 3)
    assert bool(((found.mean(0) - exact).abs() < 4 * found.std(0) / math.sqrt(20_000) + 1e-9).all())
    assert exact[2].abs() < 1e-6


def test_draws_are_stratified_and_carry_gradients() -> None:
    ends = [diagonal_normal(torch.full((50, 1), m, requires_grad=True), torch.full((50, 1), 1e-4)) for m in (-1.0, 1.0)]
    weights = torch.tensor([[0.5, 0.5], [1.0, 0.0]]).repeat(25, 1)
    z = StratifiedMixture(ends, weights).rsample((6,))
    assert torch.equal((z[..., 0] > 0).sum(0), torch.tensor([3, 0]).repeat(25))
    single = StratifiedMixture(ends, weights).expand((400, 50)).sample((1,))
    assert abs(float((single[:, :, ::2] > 0).double().mean()) - 0.5) < 0.02
    z.sum().backward()
    assert [int(end.mean.grad.sum()) for end in ends] == [75 + 150, 75]
    mixture = StratifiedMixture(
        [diagonal_normal(torch.tensor([[m]]), torch.tensor([[s]])) for m, s in ((-1.0, 0.5), (2.0, 1.0))],
        torch.tensor([[0.25, 0.75]]),
    )
    drawn = mixture.sample((100_000,))
    torch.testing.assert_close(drawn.mean(0), mixture.mean, atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.var(0), mixture.variance, atol=0.03, rtol=0)


class TimesPrior(vl.Posterior):
    """The Gaussian posterior times the standard normal, which is what a product of one expert is."""

    def __init__(self, network: Any, latent: int) -> None:
        super().__init__()
        self.mean, self.log_variance = network.head(latent), network.head(latent)

    def distribution(self, h: Tensor) -> Distribution:
        variance = vl.scale_of(self.log_variance(h)).square()
        return diagonal_normal(self.mean(h) / (1 + variance), (variance / (1 + variance)).sqrt())


@dataclass(frozen=True)
class TimesPriorSpec(vl.PosteriorSpec):
    def build(self, network: Any, latent: int) -> vl.Posterior:
        return TimesPrior(network, latent)


def test_without_labels_a_product_is_a_plain_vae() -> None:
    """The trace with the same weights and noise, and every bound that a VAE has."""
    model, (x, _) = small(vl.ProductOfExperts()), batch()
    plain: Any = vl.VAE(2, network=vl.Mlp((6,)), posterior=TimesPriorSpec()).build(FORMAT).double().eval()
    weights = model.state_dict()
    plain.load_state_dict({name: weights[name] for name in plain.state_dict()})
    for missing in (None, torch.full((4,), -1)):
        torch.manual_seed(5)
        trace = model(x, missing, 3)
        torch.manual_seed(5)
        expected = plain(x, None, 3)
        for name in ("reconstruction", "kl", "total", "log_weight"):
            torch.testing.assert_close(getattr(trace, name), getattr(expected, name))
        torch.testing.assert_close(vl.Elbo()(trace, PROGRESS), vl.Elbo()(expected, PROGRESS))
    torch.testing.assert_close(vl.exact_evidence(model, x).log_p.double(), vl.exact_evidence(plain, x).log_p.double())


def log_joint(model: Any, x: Tensor | None, y: Tensor | None) -> Tensor:
    """log of the integral of p(z) p(x | z) p(y | z) over a grid, of the views that are given, written out."""
    z, area = grid()
    with torch.no_grad():
        n = len(x) if x is not None else len(y)  # type: ignore[arg-type]
        log_p = PRIOR.log_prob(z)[:, None].repeat(1, n)
        if x is not None:
            pixels = model.decode(z).mean.flatten(1)
            flat = x.flatten(1)
            log_p += pixels.log() @ flat.T + (1 - pixels).log() @ (1 - flat).T
        if y is not None:
            log_p += model.decode_label(z).mean.log()[:, y]
        return log_p.logsumexp(0) + math.log(area)


@pytest.mark.parametrize("experts", EVERY, ids=lambda each: type(each).__name__)
def test_bounds_lie_below_the_integral_for_every_set_of_views(experts: Any) -> None:
    """log p(x), log p(y) and log p(x, y): the ELBO below the integral, many importance samples close to it."""
    model, (x, y) = small(experts), batch()
    nothing = torch.full_like(x, torch.nan)
    for images, labels in ((x, None), (None, y), (x, y)):
        exact = log_joint(model, images, labels)
        given = (nothing if images is None else images, labels)
        with torch.no_grad():
            trace = model(*given, 4000)
        elbo, error = -trace.total.mean(0), trace.total.std(0) / math.sqrt(4000)
        assert bool((elbo < exact + 3 * error).all())
        assert bool((elbo < exact - 1e-3).any())
        found = vl.importance_bound(model, *given, samples=40_000, seed=0)
        # That of the log of a mean of so many weights, by the delta method.
        error = found.effective.rsqrt()
        assert bool(((found.log_p - exact).abs() < 4 * error).all())
        assert bool((error < 0.15).all())
    torch.testing.assert_close(
        vl.exact_evidence(model, x, y).log_p.double(), log_joint(model, x, None), atol=1e-3, rtol=0
    )
    with torch.no_grad():
        torch.testing.assert_close(log_joint(model, None, torch.arange(3)).exp().sum(), torch.tensor(1.0).double())


@pytest.mark.parametrize("experts", EVERY, ids=lambda each: type(each).__name__)
def test_views_may_be_missing_row_by_row(experts: Any) -> None:
    """A batch of all four cases holds what each row has alone; a row without a view costs nothing."""
    model, (x, y) = small(experts), batch()
    some, labels = x.clone(), torch.tensor([0, -1, 1, -1])
    some[2:] = torch.nan
    trace = model(some, labels, 2)
    sets = ((x[:1], y[:1]), (x[1:2], None), (None, labels[2:3]))
    for row, given in enumerate(sets):
        q = model.encode(*given)
        torch.testing.assert_close(trace.latents[0].q.mean[row], q.mean[0])
        torch.testing.assert_close(trace.latents[0].q.variance[row], q.variance[0])
    assert torch.equal(trace.of_views == 0, torch.tensor([[0, 0, 1, 1], [0, 1, 0, 1]]).bool()[:, None].expand(2, 2, 4))
    torch.testing.assert_close(trace.total[:, 3], torch.zeros(2).double())
    again = model.trace_at(trace, trace.latents[0].code)
    torch.testing.assert_close(again.total, trace.total)


def test_the_weight_of_the_label_is_a_penalty_and_leaves_the_bound_alone() -> None:
    model, (x, y) = small(vl.ProductOfExperts(), label_weight=4.0), batch()
    same = small(vl.ProductOfExperts())
    y[1] = -1
    torch.manual_seed(2)
    trace = model(x, y, 3)
    torch.manual_seed(2)
    plain = same(x, y, 3)
    torch.testing.assert_close(trace.total, plain.total)
    expected = (plain.of_views[0] + 4 * plain.of_views[1] + plain.kl.sum(0)).mean()
    torch.testing.assert_close(vl.Elbo()(trace, PROGRESS), expected)


def test_subset_bounds_add_those_of_each_view_alone() -> None:
    """With the same noise, drawn for both views, then for the image, then for the label."""
    model, (x, y) = small(vl.ProductOfExperts()), batch()
    torch.manual_seed(4)
    found = vl.SubsetBounds(vl.Elbo(beta=vl.Constant(2.0)), weight=0.5)(model(x, y, 2), PROGRESS)
    torch.manual_seed(4)
    traces = [model(x, y, 2), model(x, None, 2), model(torch.full_like(x, torch.nan), y, 2)]
    expected = [(trace.reconstruction + 2 * trace.kl.sum(0)).mean() for trace in traces]
    torch.testing.assert_close(found, expected[0] + 0.5 * (expected[1] + expected[2]))


def test_attributes_are_a_view_by_the_likelihood_that_is_given() -> None:
    format = vl.ImageFormat(1, 4, 4, (), ("smiling", "hat"))
    attributes = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    for likelihood, inside in ((vl.ByColumn(), False), (vl.Bernoulli(), True)):
        model: Any = vl.Multimodal(2, network=vl.Mlp((6,)), label_likelihood=likelihood).build(format)
        mean = model.predict(torch.rand(3, 1, 4, 4))
        assert mean.shape == (3, 2)
        assert not inside or bool(((mean > 0) & (mean < 1)).all())
        assert model.generate(y=attributes).shape == (2, 1, 4, 4)
        assert model.generate_pairs(5)[1].shape == (5, 2)
        trace = model(torch.rand(2, 1, 4, 4), torch.tensor([[1.0, 0.0], [torch.nan, 1.0]]))
        assert trace.present.tolist() == [[True, True], [True, False]]


def test_posteriors_of_other_kinds_go_into_a_mixture() -> None:
    for posterior, prior in ((vl.FullGaussian(), vl.Mixture(components=3)), (vl.VonMisesFisher(), vl.UniformSphere())):
        model = vl.Multimodal(3, network=vl.Mlp((6,)), posterior=posterior, prior=prior, experts=vl.MixtureOfExperts())
        assert check_spec(model).passed


class Weighted(vl.Experts):
    """A mixture whose weights are learned: an own kind of experts."""

    def __init__(self, views: int) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(views))

    def forward(self, experts: Sequence[Distribution], present: Tensor, prior: Distribution) -> Distribution:
        shares = self.logits.softmax(0)[:, None] * present
        none = (~present.any(0))[None].to(shares)
        weights = torch.cat([shares, none]).T
        return StratifiedMixture([*experts, prior.expand(none.shape[1:])], weights / weights.sum(1, keepdim=True))


@dataclass(frozen=True)
class WeightedExperts(vl.ExpertsSpec):
    def build(self, views: int, latent: int) -> vl.Experts:
        return Weighted(views)


@dataclass(frozen=True)
class Deaf(vl.ExpertsSpec):
    """Experts that forget the prior where no view is there."""

    def build(self, views: int, latent: int) -> vl.Experts:
        class First(vl.Experts):
            def forward(self, experts: Sequence[Distribution], present: Tensor, prior: Distribution) -> Distribution:
                return experts[0]

        return First()


def test_own_experts_are_taken_and_tested(tmp_path: Path) -> None:
    assert "without a view the prior" in check_spec(WeightedExperts()).passed
    model = vl.Multimodal(2, network=vl.Mlp((6,)), experts=WeightedExperts()).build(FORMAT)
    vl.save(model, tmp_path / "own.safetensors")
    assert vl.load(tmp_path / "own.safetensors", specs=[WeightedExperts]).spec == model.spec
    with pytest.raises(vl.UserError, match="Deaf: is not the prior for a row without any view"):
        check_spec(Deaf())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vl.Multimodal(conditional=True), "Multimodal.conditional is True"),
        (lambda: vl.Multimodal().check(vl.ImageFormat(1, 8, 8)), "data has no labels or attributes"),
        (lambda: vl.Multimodal(posterior=vl.Deterministic()).check(FORMAT), "posterior is Deterministic"),
        (lambda: vl.Multimodal(posterior=vl.FullGaussian()).check(FORMAT), "experts is ProductOfExperts, which mult"),
        (lambda: vl.Multimodal(prior=vl.Mixture()).check(FORMAT), "prior is Mixture; choose Gaussian"),
        (lambda: vl.Multimodal(prior=vl.Vamp()).check(FORMAT), "prior is Vamp, made of the model's posteriors"),
        (lambda: vl.Multimodal(likelihood=vl.OptimalGaussian()).check(FORMAT), "likelihood is OptimalGaussian"),
        (lambda: vl.Multimodal(label_network=vl.Conv()).check(FORMAT), "the label's network is Conv"),
        (lambda: vl.Multimodal(label_likelihood=vl.Bernoulli()).check(FORMAT), "the label's likelihood is Bernoulli"),
        (lambda: vl.Experiment(model=vl.VAE(), objective=vl.SubsetBounds()).check(FORMAT), "needs a label or attrib"),
        (
            lambda: vl.Experiment(model=vl.Multimodal(experts=vl.MixtureOfExperts()), objective=vl.Vimco()).check(
                FORMAT
            ),
            "needs .*draws that are independent",
        ),
        (lambda: vl.SubsetBounds(vl.Perceptual(vl.Elbo(), vl.MsSsim())), "which compares images"),
        (lambda: vl.SubsetBounds(vl.Geco()).build_for(2, FORMAT), "whose loss has a state"),
        (lambda: vl.Multimodal(2).build(FORMAT).encode(), "x and y are None"),
        (lambda: vl.Multimodal(2).build(FORMAT).generate(y=[0, 7]), "y has labels from 0 to 7"),
        (lambda: vl.Multimodal(2).build(FORMAT).generate(3, y=[0, 1]), r"y has shape \(2,\)"),
        (lambda: vl.Multimodal(2).build(FORMAT).generate_pairs(0), "n is 0"),
    ],
)
def test_what_a_multimodal_cannot_have_is_refused(make: Any, message: str) -> None:
    with pytest.raises(vl.UserError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("experts", "objective"),
    [
        (vl.ProductOfExperts(), vl.SubsetBounds()),
        (vl.MixtureOfExperts(), vl.Elbo(samples=2)),
        (vl.MixtureOfProducts(), vl.Iwae(samples=6)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_trained_on_digits_each_view_gives_the_other(experts: Any, objective: Any, tmp_path: Path) -> None:
    """Chance is 0.1. A classifier reads more than half of the images as the label that they were generated for."""
    data = vl.open_data("digits")
    model = vl.Multimodal(8, network=vl.Mlp((128,)), experts=experts, label_weight=10.0)
    training = vl.Training(epochs=25, batch_size=64, validation=0, optimiser=vl.Adam(learning_rate=2e-3))
    experiment = vl.Experiment(model=model, objective=objective, binarisation=vl.Dynamic(), training=training)
    trained: Any = vl.train(experiment, tmp_path / "run", data=data).model
    test = data.split("test")
    torch.manual_seed(0)
    labels = trained.predict(torch.from_numpy(test.images).float() / 255, samples=20).argmax(1).numpy()
    assert (labels == test.labels).mean() > 0.8
    classifier = train_classifier(data.split("train"), seed=0)
    wanted = np.arange(300) % 10
    assert (classifier.predict(trained.generate(y=wanted).numpy()) == wanted).mean() > 0.5
    images, with_them = trained.generate_pairs(300)
    assert (classifier.predict(images.numpy()) == with_them.numpy()).mean() > 0.35


def test_the_evaluation_names_the_bound_of_each_set_of_views(tmp_path: Path) -> None:
    """All other parts measure the image alone: with the labels of the data, and without, their numbers are the same."""
    data = vl.open_data("digits")
    model: Any = vl.Multimodal(2, network=vl.Mlp((16,))).build(data.format)
    budget = vl.Budget(n_images=60, n_costly=3, n_samples=20)
    from vaelab.measured import MeasuredModel

    found = evaluate(model, data, vl.Dynamic(), only=["views", "evidence"], budget=budget)
    views, evidence = found.section("views"), found.section("evidence")
    for name in ("log p(x)", "log p(y)", "log p(x, y)"):
        assert views.value(f"ELBO of {name}") <= views.value(f"IWAE-20 of {name}")
    assert views.value("IWAE-20 of log p(x)") == pytest.approx(evidence.value("IWAE-20"), abs=1e-3)
    assert views.value("IWAE-20 of log p(x, y)") < views.value("IWAE-20 of log p(x)")
    assert {number.name for number in views.numbers} > {"label from image", "image from label", "pairs that agree"}
    assert MeasuredModel(model, data).condition is None
    with pytest.raises(vl.UserError, match="which has one view"):
        evaluate(vl.VAE(network=vl.Mlp((16,))).build(data.format), data, only=["views"])
