"""Priors: normalisation, draws, conditions and temperatures."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.testing import assert_close

from vaelab import (
    VAE,
    AutoregressiveCodes,
    ConditionalNormal,
    Diffusion,
    Dreg,
    Elbo,
    Flow,
    FlowPosterior,
    FreeBits,
    FullGaussian,
    Gaussian,
    Info,
    Iwae,
    Mixture,
    Mlp,
    PixelCnn,
    TotalCorrelation,
    TwoStage,
    UniformCodes,
    UniformManifold,
    UserError,
    Vamp,
)
from vaelab.contract import Latent
from vaelab.data import ImageFormat
from vaelab.distributions import PointMass, diagonal_normal
from vaelab.models.vae import VAEModel
from vaelab.posteriors import PosteriorSpec
from vaelab.priors import PriorSpec
from vaelab.schedules import Progress
from vaelab.sizes import EUCLIDEAN, CodeSpace, PriorSizes
from vaelab.spec import members

IMAGES = ImageFormat(1, 4, 4, ("a", "b", "c"))
ATTRIBUTES = ImageFormat(1, 4, 4, attributes=("tilt", "size"))
LABELS = torch.arange(3)

# Small instances; new priors are tested with their defaults.
SMALL: dict[type, Any] = {
    Mixture: Mixture(components=4),
    Vamp: Vamp(components=8),
    Flow: Flow(transforms=2, hidden=(8,)),
    Diffusion: Diffusion(hidden=(8,), steps=8),
    TwoStage: TwoStage(hidden=(8,), draws=16),
    UniformManifold: UniformManifold(components=3, transitions=1),
    AutoregressiveCodes: AutoregressiveCodes(layers=2, width=16, heads=2),
    PixelCnn: PixelCnn(layers=2, width=12),
}
UNION = [*(SMALL.get(part) or part() for part in members(PriorSpec, own=True)), Mixture(components=4, full=True)]
REAL = [part for part in UNION if part.space == EUCLIDEAN and not part.discrete]
DISCRETE = [part for part in UNION if part.discrete]
# Every real prior, with and without a condition.
CASES = [
    pytest.param(part, conditional, id=f"{type(part).__name__}-{'conditional' if conditional else 'plain'}")
    for part, conditional in itertools.product(REAL, (False, True))
    if conditional or not part.needs_condition
]


def name(part: Any) -> str:
    return type(part).__name__


def perturbed(module: Any, size: float = 0.3) -> Any:
    """The module with perturbed weights, so that no test passes because of zeros or ones."""
    for parameter in module.parameters():
        parameter.data.add_(size * torch.randn_like(parameter))
    return module


def small_model(part: Any, conditional: bool = False, images: ImageFormat = IMAGES, **parts: Any) -> VAEModel:
    """A model with two latent dimensions in double precision, whose prior differs clearly from N(0, I)."""
    torch.manual_seed(0)
    model = VAE(2, conditional, Mlp(hidden=(8,)), prior=part, **parts).build(images).double().eval()
    perturbed(model.prior)
    # Posteriors that differ between images, for priors built from them.
    for head, factor in (("mean", 4.0), ("log_variance", 2.0)):
        if hasattr(model.posterior, head):
            getattr(model.posterior, head).weight.data.mul_(factor)
    return model


def conditions(conditional: bool) -> Tensor | None:
    return one_hot(LABELS).double() if conditional else None


def density(model: VAEModel, conditional: bool) -> Any:
    """p(z | c) for each of the three labels, or p(z)."""
    return model.prior(conditions(conditional), model._infer)


def on_a_grid(p: Any, reach: float = 6.0, steps: int = 300) -> tuple[Tensor, Tensor]:
    """Grid points and the probability mass of p in the cell of each, for every distribution of its batch."""
    line = torch.linspace(-reach, reach, steps, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    with torch.no_grad():
        return points, p.log_prob(points[:, None]).exp() * (line[1] - line[0]) ** 2


def moments(z: Tensor) -> Tensor:
    """Both coordinates, their squares and product, and a bounded function that distinguishes modes."""
    x, y = z.unbind(-1)
    return torch.stack([x, y, x * x, y * y, x * y, (2 * x).sin() * (2 * y).cos()], -1)


@functools.cache
def quadrature(part: Any, conditional: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The total mass on the grid, the mean and the moments of the small model's prior, per label."""
    # Small diffusions are wider than other priors, and take many evaluations at each point.
    reach, steps = (9.0, 120) if isinstance(part, Diffusion) else (6.0, 300)
    points, mass = on_a_grid(density(small_model(part, conditional), conditional), reach, steps)
    return mass.sum(0), torch.einsum("nb,nd->bd", mass, points), torch.einsum("nb,nm->bm", mass, moments(points))


def within_errors(drawn: Tensor, expected: Tensor, errors: float = 4) -> None:
    """The averages over the first axis equal the expected values within `errors` standard errors."""
    error = drawn.std(0) / math.sqrt(len(drawn))
    assert ((drawn.mean(0) - expected).abs() < errors * error).all(), (drawn.mean(0), expected, error)


# Estimated densities have tests of their own.
EXACT = [case for case in CASES if case.values[0].exact]


@pytest.mark.parametrize(("part", "conditional"), EXACT)
def test_a_real_prior_integrates_to_one(part: Any, conditional: bool) -> None:
    mass, _, _ = quadrature(part, conditional)
    assert_close(mass, torch.ones_like(mass), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("part", "conditional"), EXACT)
def test_draws_follow_the_density(part: Any, conditional: bool) -> None:
    model, n = small_model(part, conditional), 20_000
    expected, c = quadrature(part, conditional)[2].expand(3, -1), conditions(conditional)
    for label in range(3 if conditional else 1):
        chosen = None if c is None else c[label].expand(n, -1)
        within_errors(moments(model.prior.draw(n, chosen, model._infer, 1.0)), expected[label])


@pytest.mark.parametrize(("part", "conditional"), CASES)
def test_each_draw_has_the_condition_of_its_own_row(part: Any, conditional: bool) -> None:
    """log p(z | c) of many samples for three labels equals that for each label alone."""
    model = small_model(part, conditional)
    z, c = torch.randn(5, 3, 2, dtype=torch.float64), conditions(conditional)
    together = model.prior(c, model._infer).log_prob(z)
    assert together.shape == (5, 3)
    for label in range(3):
        alone = model.prior(None if c is None else c[label : label + 1], model._infer)
        assert_close(together[:, label : label + 1], alone.log_prob(z[:, label : label + 1]))


@pytest.mark.parametrize(
    ("part", "conditional"), [case for case in CASES if not isinstance(case.values[0], Mixture | Vamp)]
)
def test_temperature_pulls_real_latents_to_the_centre(part: Any, conditional: bool) -> None:
    model, c = small_model(part, conditional), conditions(conditional)
    rows = None if c is None else c.repeat(100, 1)
    cold, half, warm = (model.prior.draw(300, rows, model._infer, t) for t in (0.0, 0.5, 1.0))
    assert cold.shape == half.shape == warm.shape == (300, 2)
    centre, *_ = by_label = cold.unflatten(0, (100, 3))
    assert_close(by_label, centre.expand(100, -1, -1), atol=1e-12, rtol=0)
    spread = [(drawn.unflatten(0, (100, 3)) - centre).square().mean() for drawn in (half, warm)]
    assert 0 < spread[0] < 0.6 * spread[1]

    if isinstance(part, Flow | Diffusion):
        # The centre of the base normal; the mean of the draws may have no density. An integration has an error.
        error = 1e-9 if isinstance(part, Flow) else 1e-3
        assert density(model, conditional).transform(centre).abs().max() < error
    elif isinstance(part, TwoStage):
        assert_close(centre, density(model, conditional).expand((3,)).draw((), 0.0))
    else:
        assert_close(centre, quadrature(part, conditional)[1].expand(3, 2), atol=2e-3, rtol=0)


def test_temperature_multiplies_distances_from_the_mean() -> None:
    model, rows = small_model(ConditionalNormal(), True), one_hot(LABELS).double()

    def draw(temperature: float) -> Tensor:
        torch.manual_seed(5)
        return model.prior.draw(3, rows, None, temperature)

    assert_close(draw(0.3), draw(0.0) + 0.3 * (draw(1.0) - draw(0.0)))


def test_temperature_narrows_each_component_of_a_mixture_and_sharpens_its_weights() -> None:
    """Two components far apart, with weights 0.8 and 0.2: at T = 1/2 they are drawn 16 to 1, half as wide."""
    prior = Mixture(components=2).build(PriorSizes((1, 4, 4), 2, 0, None)).double()
    with torch.no_grad():
        prior.means.copy_(torch.tensor([[-50.0, 0.0], [50.0, 0.0]]))
        prior.logits.copy_(torch.tensor([0.8, 0.2]).log())
        prior.raw_scales.fill_(3.0)
    scale = torch.nn.functional.softplus(prior.raw_scales)[0, 0].item()
    for temperature, share in ((1.0, 0.2), (0.5, 1 / 17), (2.0, 1 / 3), (0.0, 0.0)):
        torch.manual_seed(0)
        drawn = prior.draw(40_000, None, None, temperature)
        right = drawn[:, 0] > 0
        assert right.double().mean().item() == pytest.approx(share, abs=4 * math.sqrt(0.25 / 40_000))
        apart = drawn - prior.means[right.long()]
        assert apart.std().item() == pytest.approx(temperature * scale, rel=0.02, abs=1e-9)
        assert apart.mean().item() == pytest.approx(0, abs=0.05 * temperature + 1e-9)


def test_temperature_narrows_the_base_normal_of_a_flow() -> None:
    model, rows = small_model(Flow(transforms=2, hidden=(8,)), True), one_hot(LABELS).double()
    transform, drawn = density(model, True).transform, {}
    for temperature in (0.3, 1.0):
        torch.manual_seed(5)
        drawn[temperature] = model.prior.draw(3, rows, None, temperature)
    assert_close(transform(drawn[0.3]), 0.3 * transform(drawn[1.0]))


@pytest.mark.parametrize("part", REAL, ids=name)
def test_densities_are_in_full_precision_under_autocast(part: Any) -> None:
    """Under autocast log p is float32, and for priors without an encoder it matches double precision."""
    model = small_model(part, True)
    single, c = copy.deepcopy(model).float(), one_hot(LABELS)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        torch.manual_seed(3)
        z = single.prior.draw(3, c.float(), single._infer, 1.0)
        log_p = single.prior(c.float(), single._infer).log_prob(z)
    assert z.dtype == log_p.dtype == torch.float32
    if not isinstance(part, (Vamp, ConditionalNormal)):
        assert_close(log_p.double(), model.prior(c.double()).log_prob(z.double()), atol=1e-3, rtol=0)
        torch.manual_seed(3)
        assert_close(z, single.prior.draw(3, c.float(), single._infer, 1.0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("part", [part for part in REAL if part.learned], ids=name)
def test_real_priors_learn(part: Any) -> None:
    """-log p of three tight clusters falls well below that of N(0, I), towards their entropy."""
    torch.manual_seed(0)
    labels = LABELS.repeat(40)
    z = torch.tensor([[2.0, 2.0], [-2.0, 1.0], [0.0, -2.0]])[labels] + 0.3 * torch.randn(120, 2)
    model = VAE(2, True, Mlp(hidden=(8,)), prior=part).build(IMAGES)
    normal = -diagonal_normal(torch.zeros(2), torch.ones(2)).log_prob(z).mean()
    entropy = math.log(2 * math.pi * math.e * 0.3**2)
    # Priors built from posteriors also train the encoder.
    weights = [*model.prior.parameters(), *model.network.parameters(), *model.posterior.parameters()]
    optimiser = torch.optim.Adam(weights, 0.05)
    for _ in range(150):
        optimiser.zero_grad()
        loss = -model.prior(one_hot(labels).float(), model._infer).log_prob(z).mean()
        loss.backward()
        optimiser.step()
    assert all((weight.grad != 0).any() for weight in model.prior.parameters())
    assert loss < entropy + math.log(3) + 1.2 < normal - 1.5


# Codes.


def discrete(part: Any, slots: int, condition: int = 0, size: int = 4) -> Any:
    torch.manual_seed(1)
    return perturbed(part.build(PriorSizes((1, 4, 4), 2, condition, CodeSpace(slots, size)))).double().eval()


def all_codes(slots: int, size: int = 4) -> Tensor:
    return torch.tensor(list(itertools.product(range(size), repeat=slots)))


@pytest.mark.parametrize("condition", [0, 3])
@pytest.mark.parametrize("slots", [1, 2, 3])
@pytest.mark.parametrize("part", DISCRETE, ids=name)
def test_a_discrete_prior_sums_to_one_over_all_codes(part: Any, slots: int, condition: int) -> None:
    prior = discrete(part, slots, condition)
    p = prior(one_hot(LABELS).double() if condition else None)
    mass = p.log_prob(all_codes(slots)[:, None].expand(-1, 3 if condition else 1, -1)).exp().sum(0)
    assert_close(mass, torch.ones_like(mass))


@pytest.mark.parametrize("condition", [0, 3])
@pytest.mark.parametrize("part", DISCRETE, ids=name)
def test_drawn_codes_follow_their_probabilities(part: Any, condition: int) -> None:
    prior, codes, n = discrete(part, 2, condition), all_codes(2), 9000
    c = one_hot(LABELS).double() if condition else None
    drawn = prior.draw(n, None if c is None else c.repeat(n // 3, 1), None, 1.0)
    assert drawn.shape == (n, 2)
    assert drawn.dtype == torch.long
    hits = (drawn[:, None] == codes).all(-1).double()
    if c is None:
        groups, expected = [hits], prior().log_prob(codes).exp()[:, None]
    else:
        groups = [hits[label::3] for label in range(3)]
        expected = prior(c).log_prob(codes[:, None].expand(-1, 3, -1)).exp()
    for label, group in enumerate(groups):
        p = expected[:, label].detach()
        error = (p * (1 - p) / len(group)).sqrt()
        assert ((group.mean(0) - p).abs() < 5 * error).all()


@pytest.mark.parametrize("slots", [1, 4])
def test_a_point_mass_is_slots_log_size_from_uniform_codes(slots: int) -> None:
    code = torch.randint(7, (5, slots))
    z = torch.zeros(5, 2, dtype=torch.float64)
    p = UniformCodes().build(PriorSizes((1, 4, 4), 2, 0, CodeSpace(slots, 7))).double()()
    latent = Latent(q=PointMass(code, 7, z), code=code.expand(3, -1, -1), z=z.expand(3, -1, -1), p=p)
    assert_close(latent.kl(), torch.full((3, 5), slots * math.log(7), dtype=torch.float64))


@pytest.mark.parametrize("training", [True, False])
def test_logits_depend_only_on_earlier_codes(training: bool) -> None:
    """Changing a code changes the logits of all later slots and of no others."""
    prior = discrete(AutoregressiveCodes(width=16, heads=2), slots=5).train(training)
    codes = torch.randint(4, (6, 5))
    with torch.no_grad():
        before = prior.next_logits(codes, None)
        assert before.shape == (6, 5, 4)
        for slot in range(5):
            changed = codes.clone()
            changed[:, slot] = (codes[:, slot] + 1) % 4
            after = prior.next_logits(changed, None)
            assert_close(after[:, : slot + 1], before[:, : slot + 1])
            assert ((after[:, slot + 1 :] - before[:, slot + 1 :]).abs().amax(-1) > 1e-6).all()


def test_logits_are_the_same_whether_codes_come_one_by_one_or_together() -> None:
    prior = discrete(AutoregressiveCodes(width=16, heads=2), slots=4)
    codes = torch.randint(4, (6, 4))
    whole = prior.next_logits(codes, None)
    for known in range(4):
        assert_close(prior.next_logits(codes[:, :known], None), whole[:, : known + 1])


def test_positions_matter() -> None:
    """Without positions, one layer of attention would see the codes before the last as a set."""
    prior = discrete(AutoregressiveCodes(layers=1, width=16, heads=2), slots=4)
    one, other = (prior.next_logits(torch.tensor([[a, b, 2, 0]]), None)[0, 3] for a, b in ((0, 1), (1, 0)))
    assert (one - other).abs().max() > 1e-3


def test_codes_of_many_samples_are_scored_under_their_own_condition() -> None:
    prior, c = discrete(AutoregressiveCodes(width=16, heads=2), 3, 3), one_hot(LABELS).double()
    codes = torch.randint(4, (5, 3, 3))
    together = prior(c).log_prob(codes)
    assert together.shape == (5, 3)
    for sample, label in itertools.product(range(5), range(3)):
        assert_close(together[sample, label], prior(c[label : label + 1]).log_prob(codes[sample, label][None])[0])
    drawn = prior(c).sample((7,))
    assert drawn.shape == (7, 3, 3)


@pytest.mark.parametrize("temperature", [0.0, 1e-3])
def test_cold_codes_are_the_likeliest_slot_by_slot(temperature: float) -> None:
    prior, c = discrete(AutoregressiveCodes(width=16, heads=2), 2, 3), one_hot(LABELS).double()
    table = prior(c).log_prob(all_codes(2)[:, None].expand(-1, 3, -1)).exp().unflatten(0, (4, 4))
    first = table.sum(1).argmax(0)
    second = torch.stack([table[first[label], :, label].argmax() for label in range(3)])
    drawn = prior.draw(60, c.repeat(20, 1), None, temperature)
    assert torch.equal(drawn, torch.stack([first, second], -1).repeat(20, 1))


def test_temperature_divides_the_logits_of_codes() -> None:
    """At a temperature of 1/2, codes are drawn in proportion to their squared probability."""
    prior, n = discrete(AutoregressiveCodes(width=16, heads=2), slots=1), 9000
    squared = prior().log_prob(all_codes(1)).exp().detach().square()
    expected = squared / squared.sum()
    shares = prior.draw(n, None, None, 0.5).flatten().bincount(minlength=4) / n
    assert ((shares - expected).abs() < 5 * (expected * (1 - expected) / n).sqrt()).all()


def test_temperature_makes_no_difference_to_uniform_codes() -> None:
    drawn = []
    for temperature in (0.0, 1.0):
        torch.manual_seed(0)
        drawn.append(discrete(UniformCodes(), 3).draw(50, None, None, temperature))
    assert torch.equal(*drawn)


def test_logits_in_bf16_still_give_probabilities() -> None:
    """The transformer may run in bf16; its logits become float32 and the probabilities of codes sum to one."""
    prior, c = discrete(AutoregressiveCodes(width=16, heads=2), 2, 3).float(), one_hot(LABELS).float()
    codes = all_codes(2)[:, None].expand(-1, 3, -1)
    exact = prior(c).log_prob(codes)
    for grad in (True, False):
        with torch.set_grad_enabled(grad), torch.autocast("cpu", torch.bfloat16):
            log_p = prior(c).log_prob(codes)
        assert log_p.dtype == torch.float32
        assert_close(log_p.exp().sum(0), torch.ones(3), atol=1e-3, rtol=0)
        assert_close(log_p, exact, atol=0.1, rtol=0)


@pytest.mark.parametrize("condition", [0, 4])
@pytest.mark.parametrize("part", [part for part in DISCRETE if part != UniformCodes()], ids=name)
def test_discrete_priors_learn(part: Any, condition: int) -> None:
    """The second code is a function of the first, and both of the condition, if any."""
    torch.manual_seed(0)
    prior = part.build(PriorSizes((1, 4, 4), 2, condition, CodeSpace(3, 4)))
    weights = list(prior.parameters())
    first = torch.arange(4).repeat(8)
    codes = torch.stack([first, (first + 1) % 4, (3 * first) % 4], -1)
    c = one_hot(first).float() if condition else None
    optimiser = torch.optim.Adam(weights, 0.01)
    for _ in range(100):
        optimiser.zero_grad()
        loss = -prior(c).log_prob(codes).mean()
        loss.backward()
        optimiser.step()
    entropy = 0.0 if condition else math.log(4)
    assert entropy - 1e-3 < loss < entropy + 0.2 < 3 * math.log(4) - 2


# The variational mixture of posteriors.

REAL_POSTERIORS = [
    part()
    for part in members(PosteriorSpec, own=True)
    if part.space == EUCLIDEAN and part.has_density and not part.discrete
]


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("posterior", REAL_POSTERIORS, ids=name)
def test_vamp_is_a_mixture_of_the_models_posteriors(posterior: Any, conditional: bool) -> None:
    """p(z) = 1/K sum_k q(z | u_k), with pseudo-inputs u_k of pixels in [0, 1] and their own conditions."""
    model = small_model(Vamp(components=4), conditional, posterior=posterior)
    z = 2 * torch.randn(6, 3, 2, dtype=torch.float64)
    images = model.prior.pictures.sigmoid()
    parts = []
    for k in range(4):
        own = model.prior.conditions[k : k + 1] if conditional else None
        q = model.posterior.distribution(model.network.encode(images[k : k + 1], own))
        parts.append(q.log_prob(z))
    c = conditions(conditional)
    assert_close(model.prior(c, model._infer).log_prob(z), torch.stack(parts).logsumexp(0) - math.log(4))

    # The prior shares the encoder: changes of the encoder change the prior, and its gradient reaches the encoder.
    before = model.prior(c, model._infer).log_prob(z)
    before.sum().backward()
    for part in (model.network.encoder, model.posterior, model.prior):
        assert all(parameter.grad.abs().sum() > 0 for parameter in part.parameters())
    perturbed(model.network.encoder)
    assert ((model.prior(c, model._infer).log_prob(z) - before).abs() > 1e-6).all()


@pytest.mark.parametrize("posterior", REAL_POSTERIORS, ids=name)
def test_vamp_is_the_same_for_every_label(posterior: Any) -> None:
    model, z = small_model(Vamp(components=4), True, posterior=posterior), torch.randn(1, 1, 2, dtype=torch.float64)
    scores = [model.prior(c[None], model._infer).log_prob(z) for c in one_hot(LABELS).double()]
    assert_close(scores[0], scores[1])
    assert model.generate(5, torch.tensor([0, 1, 2, -1, 0]), temperature=0.5).shape == (5, 1, 4, 4)


# Conditions: labels that are missing, and attributes.


def test_missing_labels_are_drawn_for_new_images() -> None:
    """A fixed z gives one image per class; None and -1 give each image about equally often."""
    model, n = small_model(ConditionalNormal(), True).eval(), 300
    z = torch.zeros(n, 2, dtype=torch.float64)
    of_class = model.decode(z[:3], LABELS).mean
    assert (of_class[0] - of_class[1]).abs().max() > 1e-3

    def classes(y: Tensor | None) -> Tensor:
        images = model.generate(n, y, given=z)
        distance = (images[:, None] - of_class).abs().flatten(2).amax(-1)
        assert (distance.amin(1) < 1e-12).all()
        return distance.argmin(1)

    shares = [classes(None).bincount(minlength=3) / n]
    mixed = torch.where(torch.arange(n) % 2 == 0, 1, -1)
    drawn = classes(mixed)
    assert (drawn[::2] == 1).all()
    shares.append(drawn[1::2].bincount(minlength=3) / (n / 2))
    for share in shares:
        assert ((share - 1 / 3).abs() < 0.2).all()
    # Latents are drawn under the label that was drawn for their image.
    centres = model.decode(model.prior(one_hot(LABELS).double()).mean, LABELS).mean
    coldest = model.generate(n, temperature=0.0)
    assert ((coldest[:, None] - centres).abs().flatten(2).amax(-1).amin(1) < 1e-12).all()


@pytest.mark.parametrize("part", REAL, ids=name)
def test_an_unknown_label_is_the_condition_of_zeros(part: Any) -> None:
    model, unknown = small_model(part, True), torch.full((4,), -1)
    x, z = torch.rand(4, 1, 4, 4, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    zeros = torch.zeros(4, 3, dtype=torch.float64)
    assert_close(model.decode(z, unknown).mean, model.likelihood(model.network.decode(z, zeros)).mean)
    assert_close(model.encode(x, unknown).mean, model.posterior.distribution(model.network.encode(x, zeros)).mean)
    trace, y = model(x, unknown, 2), torch.tensor([0, 1, -1, 2])
    assert_close(trace.latents[0].p.log_prob(z[None]), model.prior(zeros, model._infer).log_prob(z[None]))
    # Among known labels it affects only its own image.
    assert_close(model.encode(x, y).mean[2], model.encode(x, unknown).mean[2])
    assert (model.encode(x, y).mean[3] - model.encode(x, unknown).mean[3]).abs().max() > 1e-6


# Unknown labels under a normal per label.


def by_label(model: VAEModel) -> tuple[Tensor, Tensor]:
    """Means and standard deviations of the three labels, (3, 2), from the weights themselves."""
    prior: Any = model.prior
    return prior.mean.weight.T.detach(), (prior.log_variance.weight.T.detach() / 2).exp()


def mixture_by_hand(model: VAEModel, z: Tensor) -> Tensor:
    """log 1/3 sum_k N(z; m_k, s_k^2) of each row of z, number by number."""
    means, scales = by_label(model)
    rows = []
    for point in z:
        densities = [
            math.prod(
                math.exp(-0.5 * ((float(point[d]) - float(m[d])) / float(s[d])) ** 2)
                / (float(s[d]) * math.sqrt(2 * math.pi))
                for d in range(2)
            )
            for m, s in zip(means, scales, strict=True)
        ]
        rows.append(math.log(sum(densities) / 3))
    return torch.tensor(rows, dtype=torch.float64)


def apart(**parts: Any) -> VAEModel:
    """A conditional model whose three normals are clearly apart."""
    model: Any = small_model(ConditionalNormal(), True, **parts)
    model.prior.mean.weight.data.mul_(4)
    return model  # type: ignore[no-any-return]


def test_the_prior_of_an_unknown_label_is_the_mixture_over_labels() -> None:
    model, z = apart(), 2 * torch.randn(50, 2, dtype=torch.float64)
    p = model.prior_of(torch.tensor([-1]), 1)
    assert_close(p.log_prob(z[:, None])[:, 0], mixture_by_hand(model, z))
    assert_close(on_a_grid(p, 12)[1].sum(0), torch.ones(1, dtype=torch.float64), atol=1e-3, rtol=0)
    # In a batch, each row has its own prior.
    y = torch.tensor([0, -1, 2])
    mixed, known = model.prior_of(y, 3), model.prior_of(torch.tensor([0, 1, 2]), 3)
    together = mixed.log_prob(z[:, None])
    assert_close(together[:, [0, 2]], known.log_prob(z[:, None])[:, [0, 2]])
    assert_close(together[:, 1], mixture_by_hand(model, z))


def test_draws_for_an_unknown_label_follow_the_mixture_and_carry_gradients() -> None:
    model, n = apart(), 20_000
    c = torch.cat([torch.zeros(n, 3), one_hot(torch.tensor(1), 3).expand(n, -1)]).double()
    points, mass = on_a_grid(model.prior(torch.zeros(1, 3, dtype=torch.float64)), 12)
    expected = mass[:, 0] @ moments(points)
    p = model.prior(c)
    for drawn in (model.prior.draw(2 * n, c, None, 1.0), p.sample(), p.rsample()):
        within_errors(moments(drawn[:n].detach()), expected)
        mean, scale = (part[1] for part in by_label(model))
        within_errors(drawn[n:].detach(), mean)
        assert_close(drawn[n:].std(0), scale, atol=0, rtol=0.05)
    # The derivative of the average draw by a mean is its label's share.
    (slope,) = torch.autograd.grad(p.rsample()[:n].sum() / n, model.prior.mean.weight)
    assert_close(slope, torch.full((2, 3), 1 / 3, dtype=torch.float64), atol=0.02, rtol=0)


def test_a_cold_draw_for_an_unknown_label_is_the_mean_of_one_of_them() -> None:
    model, n = apart(), 3000
    means, scales = by_label(model)
    c = torch.zeros(n, 3, dtype=torch.float64)
    c[: n // 2, 1] = 1
    cold = model.prior.draw(n, c, None, 0.0)
    distance, label = (cold[:, None] - means).norm(dim=-1).min(1)
    assert distance.max() < 1e-9
    assert (label[: n // 2] == 1).all()
    assert ((label[n // 2 :].bincount(minlength=3) / (n / 2) - 1 / 3).abs() < 0.05).all()
    half = model.prior.draw(n, c, None, 0.5)[: n // 2]
    assert_close(half.std(0), scales[1] / 2, atol=0, rtol=0.1)


@pytest.mark.parametrize("posterior", [Gaussian(), FullGaussian(), FlowPosterior(1, (8,), 4)], ids=name)
def test_the_kl_of_an_unknown_label_is_sampled_and_that_of_a_known_one_exact(posterior: Any) -> None:
    """Batches may mix both. The average over many draws is the KL by quadrature, per image."""
    model, y = apart(posterior=posterior), torch.tensor([0, -1, -1, 2])
    x = torch.rand(4, 1, 4, 4, dtype=torch.float64)
    with torch.no_grad():
        latent = model(x, y, 4000).latents[0]
        if isinstance(posterior, FlowPosterior):  # no KL of a flow has a closed form
            assert_close(latent.kl(), latent.log_ratio())
            return
        points, mass = on_a_grid(latent.q, 8)
        log_q, log_p = (d.log_prob(points[:, None]) for d in (latent.q, latent.p))
        by_quadrature = (mass * (log_q - log_p).nan_to_num()).sum(0)
        kl = latent.kl()
        error = kl.std(0) / math.sqrt(4000)
        assert ((kl.mean(0) - by_quadrature).abs() < 4 * error + 2e-3).all()
        exact = model(x[[0, 3]], y[[0, 3]]).latents[0].kl()[0]
        assert_close(kl[:, [0, 3]], exact.expand(4000, 2))
        # The normal of the same moments takes out a part of the noise.
        assert (kl[:, 1:3].std(0) < latent.log_ratio()[:, 1:3].std(0)).all()


@pytest.mark.parametrize(
    "objective", [Elbo(), FreeBits(floor=0.01), Info(), Iwae(samples=2), Dreg(samples=2), TotalCorrelation()], ids=name
)
def test_objectives_take_batches_with_unknown_labels(objective: Any) -> None:
    model: Any = apart()
    trace = model(torch.rand(4, 1, 4, 4, dtype=torch.float64), torch.tensor([0, -1, -1, 2]), 2)
    loss = objective.build(2)(trace, Progress(1, 0, 4, 1, 100))
    loss.backward()
    assert loss.isfinite()
    assert all((weight.grad != 0).any() for weight in model.prior.parameters())


def test_attributes_that_are_zero_are_not_an_unknown_label() -> None:
    model = small_model(ConditionalNormal(), True, ATTRIBUTES)
    p = model.prior_of(torch.zeros(2, 2), 2)
    assert_close(p.log_prob(torch.zeros(2, 2).double()), torch.full((2,), -math.log(2 * math.pi)).double())


def test_images_without_labels_teach_the_prior_of_every_class() -> None:
    model: Any = apart()
    model(torch.rand(4, 1, 4, 4, dtype=torch.float64), torch.full((4,), -1)).total.mean().backward()
    for weight in model.prior.parameters():
        assert (weight.grad != 0).all()


@pytest.mark.parametrize("part", REAL, ids=name)
def test_attributes_are_a_continuous_condition(part: Any) -> None:
    model = small_model(part, True, ATTRIBUTES)
    x, a = torch.rand(4, 1, 4, 4, dtype=torch.float64), torch.randn(4, 2)
    assert model(x, a, 3).total.shape == (3, 4)
    assert model(x, a, 3).total.isfinite().all()
    assert model.generate(4, a).shape == (4, 1, 4, 4)

    # Attributes are used directly, without an embedding.
    z, c = torch.randn(4, 2, dtype=torch.float64), a.double()
    assert_close(model.decode(z, a).mean, model.likelihood(model.network.decode(z, c)).mean)
    assert_close(model.encode(x, a).mean, model.posterior.distribution(model.network.encode(x, c)).mean)
    assert_close(model.generate(4, a, given=z), model.decode(z, a).mean)
    assert (model.decode(z, a).mean - model.decode(z, a + 0.1).mean).abs().amin(0).max() > 1e-6


@pytest.mark.parametrize("call", ["forward", "encode", "decode", "generate"])
@pytest.mark.parametrize(
    ("images", "y", "message"),
    [
        (ATTRIBUTES, None, "y is None, but the model is conditional; give a row of 2 attributes for each image"),
        (ATTRIBUTES, torch.zeros(4), "y has shape (4,), but must be (4, 2): one row of 2 attributes per image"),
        (ATTRIBUTES, torch.zeros(4, 3), "y has shape (4, 3), but must be (4, 2)"),
        (ATTRIBUTES, torch.zeros(3, 2), "y has shape (3, 2), but must be (4, 2)"),
        (IMAGES, torch.tensor([[0, 1, 2, 0]]), "y has shape (1, 4), but must be (4,): one label per image"),
        (IMAGES, torch.tensor([0, 1]), "y has shape (2,), but must be (4,)"),
    ],
    ids=["none", "flat", "wide", "few", "labels-nested", "labels-few"],
)
def test_conditions_of_another_shape_are_named(call: str, images: ImageFormat, y: Tensor | None, message: str) -> None:
    model = small_model(ConditionalNormal(), True, images)
    x, z = torch.rand(4, 1, 4, 4, dtype=torch.float64), torch.zeros(4, 2, dtype=torch.float64)
    calls = {
        "forward": lambda: model(x, y),
        "encode": lambda: model.encode(x, y),
        "decode": lambda: model.decode(z, y),
        "generate": lambda: model.generate(4, y),
    }
    with pytest.raises(UserError) as caught:
        calls[call]()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
