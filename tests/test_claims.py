"""The claims: verdicts, measurements on models with known properties, and a study that resumes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from vaelab import ImageData, UserError
from vaelab.cli import main
from vaelab.metrics.latent import centroid_distance, centroid_rank, mmd_test
from vaelab.report import write_run_report
from vaelab.schedules import Progress
from vaelab.studies import StudySettings, run_study
from vaelab.studies.claims.claim import Claim
from vaelab.studies.claims.conditional import IDENTITY, MIXES, STYLE
from vaelab.studies.claims.latent import AGGREGATE, CLUSTERS, DIRECTIONS, NEIGHBOURS, SMOOTH, shifted_mmd
from vaelab.studies.claims.members import DIMENSIONS, members
from vaelab.studies.claims.study import CLAIMS, ClaimsStudy
from vaelab.studies.claims.training import BUMP, CAPACITY, FALLS, HEALTH, RATIO, TABLE, WARM_UP
from vaelab.studies.claims.verdict import Check, combined, holm, interval, outcomes
from vaelab.studies.recipes import Recipe, study_experiment
from vaelab.studies.runs import StudyRuns
from vaelab.training import Totals

from .browser import broken_images, opened, overflow, started
from .conftest import coarse_posteriors


def test_the_interval_is_students_t() -> None:
    values = [3.1, 2.7, 3.6, 2.9, 3.3]
    ends = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval(values) == pytest.approx((ends.low, ends.high))
    assert interval([3.1]) is None
    # Equal values say that the number is coarse, not that its mean is known exactly.
    assert interval([2.0, 2.0, 2.0]) is None


def test_the_interval_covers_the_truth_19_times_in_20() -> None:
    random = np.random.default_rng(0)
    trials = [interval(random.normal(5, 2, 3).tolist()) for _ in range(2000)]
    assert np.mean([low <= 5 <= high for low, high in trials]) == pytest.approx(0.95, abs=0.015)


def test_a_verdict_needs_the_whole_interval_on_one_side() -> None:
    check = Check("x", "a number", at_least=1.0, at_most=2.0)
    for values, verdict in (
        ([1.4, 1.5, 1.6], "reproduced"),
        ([1.1, 1.9, 1.0], "undecided"),  # beyond both bounds
        ([2.4, 2.5, 2.6], "not reproduced"),
        ([0.4, 0.5, 0.45], "not reproduced"),
        ([1.5], "undecided"),  # one seed decides nothing
        ([9.0], "undecided"),
        ([1.5, 1.5, 1.5], "undecided"),  # nor do seeds that leave no spread to judge by
        ([9.0, 9.0, 9.0], "undecided"),
    ):
        assert check.verdict(values, check.p_value(values)) == verdict, values
    assert combined(["reproduced", "not reproduced", "undecided"]) == "not reproduced"
    assert combined(["reproduced", "undecided"]) == "undecided"
    assert combined(["reproduced", "reproduced"]) == "reproduced"


def test_p_values_agree_with_students_test_and_with_the_interval() -> None:
    check, values = Check("x", "a number", at_least=1.0, at_most=2.0), [0.8, 0.7, 0.95, 0.85]
    assert check.p_value(values) == pytest.approx(stats.ttest_1samp(values, 1.0).pvalue)
    assert check.p_value([3 - value for value in values]) == pytest.approx(check.p_value(values))
    assert check.p_value([1.2, 1.5, 1.7]) == 1
    _, high = interval(values) or (0, 0)
    at_the_end = [Check("x", "a number", at_least=bound).p_value(values) for bound in (high, high + 1e-6, high - 1e-6)]
    assert at_the_end[0] == pytest.approx(0.05)
    assert at_the_end[1] < 0.05 < at_the_end[2]


def test_p_values_are_corrected_as_by_holm() -> None:
    """The example of R's p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm"), and ties."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.6, 0.01]) == pytest.approx([1, 1, 0.03])
    assert holm([]) == []


@pytest.mark.parametrize("n_checks", [1, 5])
def test_true_claims_at_their_bounds_are_refuted_in_one_of_twenty_at_most(n_checks: int) -> None:
    """Without a correction a claim of five checks would be refuted in 12 % of the trials."""
    random, trials, seeds = np.random.default_rng(0), 1500, 5
    checks = [Check(str(key), "a number", at_most=0.0) for key in range(n_checks)]
    refuted = uncorrected = 0
    for _ in range(trials):
        numbers = random.normal(size=(seeds, n_checks))
        by_seed = [{str(key): float(value) for key, value in enumerate(row)} for row in numbers]
        refuted += "not reproduced" in [outcome.verdict for outcome in outcomes(checks, by_seed)]
        uncorrected += any(check.p_value(numbers[:, key].tolist()) <= 0.05 for key, check in enumerate(checks))
    assert refuted / trials < 0.05
    # Each check is one-sided here, so a single one errs half as often.
    assert uncorrected / trials == pytest.approx(1 - 0.975**n_checks, abs=0.02)


def test_false_claims_at_their_bounds_are_reproduced_in_one_of_forty_at_most() -> None:
    random, trials = np.random.default_rng(0), 1500
    checks = [Check("false", "a number", at_least=0.0), Check("true", "a number", at_least=-9.0)]
    reproduced = 0
    for _ in range(trials):
        by_seed = [{"false": value, "true": value} for value in random.normal(size=5).tolist()]
        reproduced += all(outcome.verdict == "reproduced" for outcome in outcomes(checks, by_seed))
    assert reproduced / trials == pytest.approx(0.025, abs=0.01)


def test_every_claim_has_checks_and_every_check_has_a_reason() -> None:
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names) == 15
    for claim in CLAIMS:
        assert claim.checks
        for check in claim.checks:
            assert check.why, claim.name
            assert (check.at_least is None) + (check.at_most is None) < 2, claim.name


def test_the_claims_are_about_the_paper_and_the_fast_recipe() -> None:
    with pytest.raises(UserError, match="recipe is speedrun, but the claims are about training by paper or fast"):
        members(Recipe.speedrun, 60_000, None)


@pytest.mark.parametrize("recipe", [Recipe.paper, Recipe.fast])
def test_warm_and_cold_runs_differ_only_in_beta(recipe: Recipe) -> None:
    runs = members(recipe, 60_000, None)
    (warm_folder, warm), (cold_folder, cold) = runs["warm"], runs["cold"]
    assert replace(warm, objective=cold.objective) == cold
    assert warm_folder != cold_folder
    assert "vae" in (warm_folder, cold_folder)
    vae = study_experiment("vae", recipe, 60_000, None)
    assert runs["vae"] == ("vae", vae)
    assert vae in (warm, cold)
    epochs = vae.training.epochs
    steps = [Progress(epoch, 10, 20, epochs) for epoch in range(1, epochs + 1)]
    beta = [warm.objective.beta(progress) for progress in steps]
    assert beta == sorted(beta)
    assert beta[0] < 0.5
    assert all(value == 1 for value in beta[epochs // 3 + 1 :])
    assert [cold.objective.beta(progress) for progress in steps] == [1.0] * epochs
    assert vae.training.validation == 0
    for width in DIMENSIONS:
        experiment = runs[str(width)][1]
        assert experiment.training.validation is None  # the best width is chosen on images that are held out
        assert replace(experiment, training=vae.training) == replace(vae, model=replace(vae.model, latent=width))


# A decoder that draws strokes with known properties.


def stroke(slant: float, thickness: float, length: float = 16.0) -> Any:
    """An upright stroke sheared by `slant` (degrees), grey at its edges."""
    y, x = np.mgrid[0:28, 0:28] - 13.5
    across = np.abs(x + y * np.tan(np.deg2rad(slant)))
    inside = np.clip(thickness / 2 + 0.5 - across, 0, 1) * np.clip(length / 2 + 0.5 - np.abs(y), 0, 1)
    return inside[None]


class StrokeModel:
    """A model that draws strokes: `style` maps a latent and a label to slant and thickness."""

    def __init__(self, style: Callable[[Any, int], tuple[float, ...]]) -> None:
        self.style = style
        self.model = SimpleNamespace(widths=(2,))

    def decode(self, z: Any, label: int | None = None) -> Any:
        return np.stack([stroke(*self.style(code, label or 0)) for code in np.asarray(z)]).astype(np.float32)


def seed_of(model: Any, **more: Any) -> Any:
    values = {"seed": 0, "on_test": lambda name: model, "on_train": lambda name: model} | more
    return SimpleNamespace(**values)


@pytest.mark.parametrize("turned", [0, 35, 120])
def test_directions_are_found_in_a_rotated_plane(turned: float) -> None:
    angle = np.deg2rad(turned)

    def style(code: Any, label: int) -> tuple[float, float, float]:
        a, b = (np.cos(angle) * code[0] + np.sin(angle) * code[1], -np.sin(angle) * code[0] + np.cos(angle) * code[1])
        return 12 * a, 3.5 + 0.7 * b, 16 + 3 * b

    numbers = DIRECTIONS.measure(seed_of(StrokeModel(style)))
    assert numbers["weaker"] > 0.85
    assert numbers["chance"] < 0.1
    assert (numbers["angle"] - turned + 90) % 180 - 90 == pytest.approx(0, abs=10)
    assert (numbers["as_named"] > 0.85) == (turned == 0)


def test_an_axis_that_carries_thickness_without_scale_does_not_carry_both() -> None:
    thick = StrokeModel(lambda code, label: (12 * code[0], 3.5 + 0.6 * code[1], 16 + 3 * np.sin(40 * code[0])))
    assert DIRECTIONS.measure(seed_of(thick))["weaker"] < 0.5
    unordered = StrokeModel(lambda code, label: (12 * code[0], 3 + np.sin(40 * code[1])))
    assert DIRECTIONS.measure(seed_of(unordered))["weaker"] < 0.4


def test_shared_style_is_distinguished_from_separate_style() -> None:
    classes = ("a", "b", "c")
    shared = STYLE.measure(seed_of(StrokeModel(lambda z, label: (9 * z[0] + label, 3.5 + 0.6 * z[1])), classes=classes))
    assert min(shared["slant"], shared["thickness"]) > 0.95

    def separate(z: Any, label: int) -> tuple[float, float]:
        turned = np.deg2rad(120 * label)
        along = np.cos(turned) * z[0] + np.sin(turned) * z[1]
        return 9 * along, 3.5 + 0.6 * (np.cos(turned) * z[1] - np.sin(turned) * z[0])

    assert STYLE.measure(seed_of(StrokeModel(separate), classes=classes))["slant"] < 0


def embedded(z: Any, labels: Any, draw: Any = None) -> Any:
    mean = np.asarray(z, np.float32)
    found = SimpleNamespace(
        means=mean,
        draws=mean if draw is None else np.asarray(draw, np.float32),
        data=SimpleNamespace(labels=np.asarray(labels)),
    )
    found.labelled = found
    return found


def test_separate_classes_cluster_and_mixed_classes_do_not() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 1500)
    noise = random.normal(size=(1500, 2))
    corners = 8 * np.stack([np.cos(np.arange(5)), np.sin(np.arange(5))], 1)
    separate = CLUSTERS.measure(seed_of(embedded(corners[labels] + noise, labels)))
    mixed = CLUSTERS.measure(seed_of(embedded(noise, labels)))
    assert separate["above"] > 0.95
    assert separate["silhouette"] > 0.4
    assert separate["information"] == pytest.approx(np.log(5), abs=0.1)
    assert abs(mixed["information"]) < 0.03
    # Each query is its own neighbour here, which raises the accuracy a little.
    assert mixed["above"] < 0.25
    assert mixed["silhouette"] < 0


def test_neighbours_are_ranked_among_all_pairs() -> None:
    labels = np.repeat(np.arange(10), 20)
    places = np.array([[0, 0], [10, 0], [20, 0], [30, 0], [40, 0], [50, 0], [60, 0], [11, 0], [30.5, 0], [40.1, 0]])
    numbers = NEIGHBOURS.measure(seed_of(embedded(places[labels], labels), classes=tuple(map(str, range(10)))))
    assert [numbers[f"rank {pair}"] for pair in ("4/9", "3/8", "1/7")] == [1, 2, 3]
    # The tenth nearest of 45 pairs is 9.5 apart or more, the ninth at most 10.
    assert max(numbers[pair] for pair in ("4/9", "3/8", "1/7")) < 0.2
    assert numbers["3/8"] / numbers["4/9"] == pytest.approx(5, rel=1e-4)


def test_the_relative_distance_is_below_one_exactly_for_the_nearest_pairs() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 5)
    pairs = [(a, b) for a in range(10) for b in range(a)]
    for _ in range(20):
        means = random.normal(size=(50, 2))
        near = centroid_distance(means, labels, pairs, nearest=9) < 1
        assert near.tolist() == (centroid_rank(means, labels, pairs) <= 9).tolist()
        assert near.sum() == 9
    with pytest.raises(UserError, match="not collapsed"):
        centroid_distance(np.zeros((50, 2)), labels, pairs, nearest=9)
    with pytest.raises(UserError, match="nearest is 45, but must be from 1 to 44"):
        centroid_distance(means, labels, pairs, nearest=45)


def test_a_standard_normal_matches_and_a_shifted_one_does_not() -> None:
    random = np.random.default_rng(0)
    normal = random.normal(size=(3000, 2))
    same = AGGREGATE.measure(seed_of(embedded(normal, np.zeros(3000, int), normal)))
    other = AGGREGATE.measure(seed_of(embedded(normal, np.zeros(3000, int), 1.3 * normal + [0.2, 0])))
    assert other["distance"] > 3
    for check in AGGREGATE.checks:
        assert check.at_least is None or same[check.key] >= check.at_least
        assert check.at_most is None or same[check.key] <= check.at_most
    assert other["p"] < 0.01
    assert other["mean"] == pytest.approx(0.2, abs=0.05)
    assert other["deviation"] == pytest.approx(0.3, abs=0.05)


def test_the_distance_is_compared_with_a_shift_of_a_tenth_of_a_deviation() -> None:
    """Compared with the two-sample estimate from many draws, and with quadrature in one dimension."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2500, 2)), random.normal(size=(2500, 2)) + 1.0
    test = mmd_test(x, y, permutations=1)
    assert shifted_mmd(test.bandwidth, 2, 1.0) == pytest.approx(test.squared_mmd, rel=0.08)
    grid = np.linspace(-9, 9, 1201)
    kernel = np.exp(-((grid[:, None] - grid) ** 2) / (2 * 1.3**2))
    p, q = (np.exp(-((grid - mean) ** 2) / 2) / np.sqrt(2 * np.pi) * (grid[1] - grid[0]) for mean in (0.0, 0.1))
    assert shifted_mmd(1.3, 1) == pytest.approx((p - q) @ kernel @ (p - q), rel=1e-6)


def test_a_cross_fade_is_even_but_not_smooth(digits: ImageData) -> None:
    pixels = digits.split("train").tensors()[0]
    random = np.random.default_rng(0)
    ends = pixels[:2].flatten(1).numpy()
    fading = SimpleNamespace(
        decode=lambda z: ((1 - z[:, :1]) * ends[0] + z[:, :1] * ends[1]).reshape(-1, 1, 28, 28),
        means=random.random((50, 2)).astype(np.float32),
    )
    numbers = SMOOTH.measure(seed_of(fading, on_train=lambda name: SimpleNamespace(pixels=pixels)))
    assert numbers["leap"] == pytest.approx(1, abs=1e-3)
    assert numbers["nearness"] == pytest.approx(1, abs=1e-3)
    seeds = [{key: value + noise for key, value in numbers.items()} for noise in (-1e-3, 0, 1e-3)]
    assert SMOOTH.tested(seeds).verdict == "not reproduced"


def test_leaps_are_distinguished_from_even_paths() -> None:
    even, leaping = StrokeModel(lambda z, label: (5 * z[0], 3)), StrokeModel(lambda z, label: (20 * np.sign(z[0]), 3))
    random = np.random.default_rng(0)
    latents = np.stack([np.repeat([-2.0, 2.0], 60), random.normal(size=120)], 1)
    pixels = SimpleNamespace(flatten=lambda start: SimpleNamespace(numpy=lambda: even.decode(latents).reshape(120, -1)))
    leaps = []
    for model in (even, leaping):
        model.means = latents.astype(np.float32)  # type: ignore[attr-defined]
        leaps.append(SMOOTH.measure(seed_of(model, on_train=lambda name: SimpleNamespace(pixels=pixels)))["leap"])
    assert leaps[0] < 2
    assert leaps[1] == pytest.approx(9)  # the whole path in one of nine steps


def test_class_identity_is_read_by_the_classifier(digits: ImageData) -> None:
    import torch

    model = SimpleNamespace(generate=lambda n, label: torch.full((n, 1, 28, 28), label / 9))
    real = digits.split("test").tensors()[1]
    read = SimpleNamespace(
        predict=lambda images: (images.mean((1, 2, 3)) * 9).round().long().numpy() % 9,  # predicts 0 for 9
        accuracy=lambda images, labels: float((labels == real).float().mean()),
    )
    runs = {"cvae": SimpleNamespace(model=model)}
    models = seed_of(None, classes=digits.classes, runs=runs, classifier=lambda: read, data=digits)
    numbers = IDENTITY.measure(models)
    assert (numbers["samples"], numbers["real"], numbers["worst"]) == pytest.approx((0.9, 1.0, 0.0))


def test_the_share_of_falling_epochs_is_read_off_the_curve() -> None:
    curve = np.array([160.0, 150, 151, 145, 140, 138])
    models = seed_of(None, column=lambda name, quantity: curve)
    assert FALLS.measure(models) == {"fall": -1, "share": 0.8, "first": 160, "last": 138}


@pytest.mark.parametrize("rises", [2, 3])
def test_a_curve_that_falls_in_nine_of_ten_epochs_falls_steadily(rises: int) -> None:
    """27 of 29 are more than nine of ten, 26 are not."""
    steps = np.array([0.5] * rises + [-1.0] * (29 - rises))
    numbers = FALLS.measure(seed_of(None, column=lambda name, quantity: 200 + np.cumsum(np.r_[0, steps])))
    assert (numbers["share"] >= 0.9) == (numbers["fall"] > 0) == (rises == 2)


def verdict(claim: Claim, *seeds: Any) -> str:
    """The verdict on a claim, given artificial seeds."""
    return claim.tested([claim.measure(seed) for seed in seeds]).verdict


def three_seeds(make: Callable[[float], Any]) -> list[Any]:
    """Three seeds that differ only slightly."""
    return [make(noise) for noise in (-0.01, 0.0, 0.01)]


def with_totals(noise: float, **by_name: tuple[float, float]) -> Any:
    """A seed whose models have the given reconstructions and KLs."""

    def totals(name: str, split: str) -> Totals:
        reconstruction, kl = by_name[name]
        # Another noise for each model, so that differences and quotients vary over seeds as well.
        own = noise * (1 + list(by_name).index(name))
        return Totals(reconstruction + own, kl + own / 10)

    means = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    model = SimpleNamespace(means=means)
    column = np.array([6.0, 6.5])
    return seed_of(model, totals=totals, column=lambda name, quantity: column)


def test_the_table_is_refuted_by_a_high_total_and_by_a_different_improvement() -> None:
    good = {"vae": (137.5, 6.6), "cvae": (123.9, 4.8)}
    assert verdict(TABLE, *three_seeds(lambda noise: with_totals(noise, **good))) == "reproduced"
    worse = good | {"vae": (139.0, 6.6)}
    assert verdict(TABLE, *three_seeds(lambda noise: with_totals(noise, **worse))) == "not reproduced"
    closer = good | {"cvae": (124.0, 5.15)}
    assert verdict(TABLE, *three_seeds(lambda noise: with_totals(noise, **closer))) == "not reproduced"
    assert verdict(RATIO, *three_seeds(lambda noise: with_totals(noise, **good))) == "reproduced"
    assert verdict(RATIO, *three_seeds(lambda noise: with_totals(noise, vae=(137.5, 5.0)))) == "not reproduced"


def test_collapse_without_warm_up_is_detected() -> None:
    same = {"warm": (138.0, 6.5), "cold": (138.0, 6.5)}
    collapsed = {"warm": (138.0, 6.5), "cold": (205.0, 0.1)}
    assert verdict(WARM_UP, *three_seeds(lambda noise: with_totals(noise, **same))) == "not reproduced"
    assert verdict(WARM_UP, *three_seeds(lambda noise: with_totals(noise, **collapsed))) == "reproduced"


def test_the_cost_of_two_dimensions_is_measured_against_the_best_width() -> None:
    wide = {"2": (138.0, 6.5), "4": (120.0, 9.0), "8": (95.0, 13.0), "16": (80.0, 18.0), "32": (80.0, 18.5)}
    numbers = CAPACITY.measure(with_totals(0, **wide))
    assert numbers["best"] == 16
    assert numbers["gain"] == pytest.approx(100 * (1 - 98 / 144.5))
    assert verdict(CAPACITY, *three_seeds(lambda noise: with_totals(noise, **wide))) == "reproduced"
    # The best width has a ratio of 4.4, which the rule calls unhealthy.
    assert verdict(HEALTH, *three_seeds(lambda noise: with_totals(noise, **wide))) == "not reproduced"
    flat = dict.fromkeys(wide, (138.0, 6.5))
    assert verdict(CAPACITY, *three_seeds(lambda noise: with_totals(noise, **flat))) == "not reproduced"
    assert verdict(HEALTH, *three_seeds(lambda noise: with_totals(noise, **flat))) == "reproduced"


def test_a_bump_is_distinguished_from_a_rise_and_settling_from_drift() -> None:
    beta = np.minimum(1, np.arange(1, 31) / 10)

    def seeds(kl: Any) -> list[Any]:
        return three_seeds(
            lambda noise: seed_of(None, column=lambda name, what: beta if what == "beta" else kl * (1 + noise))
        )

    epochs = np.arange(30)
    assert verdict(BUMP, *seeds(6.6 + 2 * np.exp(-epochs / 4))) == "reproduced"
    assert verdict(BUMP, *seeds(6.6 - 2 * np.exp(-epochs / 4))) == "not reproduced"  # rises only
    assert verdict(BUMP, *seeds(6.6 + 0.1 * epochs[::-1])) == "not reproduced"  # never settles
    assert verdict(BUMP, *seeds(8 + 2 * np.exp(-epochs / 4))) == "not reproduced"  # settles elsewhere


def test_mixed_classes_are_distinguished_from_separate_classes() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 1200)
    noise = random.normal(size=(1200, 2))
    corners = 8 * np.stack([np.cos(np.arange(4)), np.sin(np.arange(4))], 1)

    def seed(cvae: Any) -> Any:
        half = {"vae": (noise + corners[labels], labels), "cvae": (cvae, labels)}
        first, second = (
            {name: embedded(z[rows], y[rows]) for name, (z, y) in half.items()}
            for rows in (slice(600), slice(600, None))
        )
        return seed_of(None, on_test=first.__getitem__, on_train=second.__getitem__)

    mixed, separate = (MIXES.measure(seed(latents)) for latents in (noise, noise + corners[labels]))
    assert abs(mixed["above"]) < 0.05
    assert abs(mixed["share"]) < 0.05
    assert min(separate["above"], separate["share"]) > 0.8
    assert mixed["of_vae"] > 0.9


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def study(digits_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    out = tmp_path_factory.mktemp("claims") / "out"
    words = [
        "--data",
        f"npz:{digits_file}",
        "--epochs",
        "3",
        "--seeds",
        "2",
        "--first-seed",
        "3",
        "--quiet",
        "--out",
        str(out),
    ]
    only = ["classes-cluster", "neighbours", "axes", "shared-style", "cvae-keeps-class", "warm-up", "two-dimensions"]
    with coarse_posteriors():
        assert main(["study", "claims", *words, "--only", *only]) == 0
    return out, words


@pytest.fixture
def repeated(study: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    """A copy of the study that can be run again, without figures of its models in the report."""
    monkeypatch.setattr(ClaimsStudy, "draw", lambda self, run, settings: [])
    copied = tmp_path / "out"
    shutil.copytree(study[0], copied)
    return copied, [str(copied) if word == str(study[0]) else word for word in study[1]]


def test_the_study_writes_a_verdict_per_claim(study: tuple[Path, list[str]]) -> None:
    results = json.loads((study[0] / "claims.json").read_text())
    assert [claim["name"] for claim in results["claims"]] == [
        "classes-cluster", "neighbours", "axes", "cvae-keeps-class", "shared-style", "warm-up", "two-dimensions",
    ]  # fmt: skip
    for claim in results["claims"]:
        verdicts = [check["verdict"] for check in claim["checks"]]
        assert claim["verdict"] == combined(verdicts)
        for check in [*claim["checks"], *claim["beside"]]:
            assert len(check["values"]) == 2
            assert check["mean"] == pytest.approx(np.mean(check["values"]))
            ends = interval(check["values"])
            assert check["interval"] == (None if ends is None else pytest.approx(ends))
    assert results["about"]["seeds"] == [3, 4]
    assert len(ClaimsStudy().table(results).rows) == 7
    names = {path.name for path in study[0].iterdir()}
    assert any(name.startswith("classifier-") for name in names)
    assert {"report.html", "figures", "vae-32d-seed4", "vae-with-warm-up-seed3"} <= names
    assert {path.name for path in (study[0] / "figures").glob("*.png")} >= {
        "what-the-plane-carries.png",
        "warm-up.png",
        "dimensions.png",
    }
    page = (study[0] / "report.html").read_text()
    for claim in results["claims"]:
        assert claim["says"] in page


def test_the_study_resumes_without_repeated_work(repeated: tuple[Path, list[str]]) -> None:
    out, words = repeated
    (out / "measured" / "warm-up-seed4.json").unlink()
    files = [*out.glob("*/last.safetensors"), *out.glob("measured/*.json"), *out.glob("classifier-*")]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert len(before) > 20
    results = json.loads((out / "claims.json").read_text())
    assert main(["study", "claims", *words, "--only", "warm-up"]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    # Earlier results are kept.
    assert json.loads((out / "claims.json").read_text())["claims"] == results["claims"]
    assert main(["study", "claims", *words[:3], "4", *words[4:]]) == 2  # other epochs


def test_seeds_are_not_added_after_a_look_at_the_verdicts(
    repeated: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    out, words = repeated
    for more in (["--seeds", "3"], ["--first-seed", "1"]):
        assert main(["study", "claims", *words, *more]) == 2
        assert f"{out / 'claims.json'} reports the verdicts of 3, 4;" in capsys.readouterr().err
    assert not list(out.glob("*seed5"))


def test_other_seeds_are_trained_by_their_numbers(digits: ImageData, tmp_path: Path) -> None:
    settings = StudySettings(tmp_path, digits, epochs=1, seeds=2, first_seed=7)
    planned = StudyRuns(ClaimsStudy(only=("axes",)).plan(settings), settings).planned
    assert {name: experiment.training.seed for name, experiment in planned.items()} == {"vae-seed7": 7, "vae-seed8": 8}


def test_results_of_other_models_are_measured_again(repeated: tuple[Path, list[str]]) -> None:
    out, words = repeated
    path = out / "measured" / "axes-seed3.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"on": "others"}))
    assert main(["study", "claims", *words, "--only", "axes"]) == 0
    assert json.loads(path.read_text()) == stored


def test_the_report_opens_in_a_browser(study: tuple[Path, list[str]], chromium: Any) -> None:
    """With the figures of two models and the claims, on a phone and on a desktop."""
    for width in (390, 1440):
        with opened(chromium, study[0] / "report.html", width) as (page, complaints):
            assert not complaints
            assert not broken_images(page)
            assert not overflow(page)
            assert page.locator("img").count() > 25
            assert page.locator("h4").count() == 7


def test_two_studies_on_one_page_are_separate(study: tuple[Path, list[str]], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    claims = json.loads((study[0] / "claims.json").read_text())
    claims["about"] |= {"recipe": "paper", "epochs": 30}
    (other / "claims.json").write_text(json.dumps(claims))
    shutil.copytree(study[0] / "figures", other / "figures")
    write_run_report([study[0], other], tmp_path / "both.html", draw=lambda run: [])
    page = (tmp_path / "both.html").read_text()
    for heading in ("fast recipe, 3 epochs, seeds 3, 4", "paper recipe, 30 epochs, seeds 3, 4"):
        assert len(re.findall(f"<h3>.*{heading}</h3>", page)) == 1
        assert len(re.findall(f'<p class="of">.*{heading}</p>', page)) == 3
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))


def test_a_claim_that_cannot_be_measured_does_not_stop_the_others(
    digits: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One epoch does not show whether the reconstruction falls."""
    monkeypatch.setattr(ClaimsStudy, "draw", lambda self, run, settings: [])
    data = replace(digits, name="mnist")
    study = ClaimsStudy(Recipe.paper, only=("reconstruction-falls", "ratio"))
    results = run_study(study, StudySettings(tmp_path, data, epochs=1, seeds=2))
    assert [claim["name"] for claim in results["claims"]] == ["ratio"]
    assert "there is no number for fall, share" in results["left_out"][0]
    assert "NaN" not in (tmp_path / "claims.json").read_text()


def test_claims_that_do_not_apply_are_refused(digits: ImageData, tmp_path: Path) -> None:
    settings = StudySettings(tmp_path, digits)
    with pytest.raises(UserError, match="only has 'table', which cannot be tested: it is about MNIST's numbers"):
        run_study(ClaimsStudy(only=("table",)), settings)
    with pytest.raises(UserError, match="it is about training by the paper recipe, and recipe is fast"):
        run_study(ClaimsStudy(only=("kl-bump",)), replace(settings, data=replace(digits, name="mnist")))
    with pytest.raises(UserError, match="only has 'nothing', but the claims are: table, "):
        run_study(ClaimsStudy(only=("nothing",)), settings)
    with pytest.raises(UserError, match="did you mean warm-up"):
        run_study(ClaimsStudy(only=("warmup",)), settings)
    with pytest.raises(UserError, match="has no labels"):
        run_study(ClaimsStudy(), replace(settings, data=replace(digits, labels=None, classes=())))
    with pytest.raises(UserError, match="seeds is 0"):
        replace(settings, seeds=0)
    assert not any(tmp_path.iterdir())
    letters = replace(digits, classes=(*digits.classes, "a"))
    assert NEIGHBOURS.unfit(digits, Recipe.fast) is None
    assert NEIGHBOURS.unfit(letters, Recipe.fast) is not None
