"""`vaelab evaluate` as users see it: numbers, files and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vaelab
from vaelab import VAE, Bernoulli, CategoricalPixels, Elbo, Experiment, Ladder, LearnedGaussian, Mlp, Npz, Training
from vaelab.data import BinarisationSpec, Dynamic, Grey, ImageData, Sprites, Static, open_data
from vaelab.errors import UserError
from vaelab.evaluation import PARTS, chosen, evidence as evidence_part, measurement as measurements
from vaelab.evaluation.budget import Budget
from vaelab.evaluation.evaluate import measure_parts
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Evaluation, Number, Section, read_evaluation
from vaelab.loops import listening
from vaelab.measured import MeasuredModel
from vaelab.metrics.disentanglement import DisentanglementScores, PublishedScores
from vaelab.metrics.evidence import annealed_bound, exact_evidence, importance_bound
from vaelab.models.files import load, save, weights_digest
from vaelab.posteriors import Codebook, FlowPosterior
from vaelab.priors import UniformCodes
from vaelab.tracking.train import train
from vaelab.training import Run

from .conftest import Cli


def measurement(
    model: Any, data: ImageData, protocol: BinarisationSpec | None = None, budget: Budget | None = None
) -> Measurement:
    return Measurement(MeasuredModel(model, data, protocol), budget or Budget())


SMALL = Budget(n_costly=6, n_samples=20)


@pytest.fixture(scope="module")
def binary_run(digits_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small VAE of binary digits, trained briefly."""
    experiment = Experiment(
        data=Npz(str(digits_file)),
        binarisation=Dynamic(),
        model=VAE(latent=2, network=Mlp(hidden=(64, 32))),
        objective=Elbo(),
        training=Training(epochs=8, batch_size=16),
    )
    return train(experiment, tmp_path_factory.mktemp("evaluation") / "run")


@pytest.fixture(scope="module")
def told(binary_run: Run, digits: ImageData) -> tuple[Evaluation, dict[str, list[float]]]:
    """An evaluation of the run in every part, and the shares of each of its steps that it told of."""
    steps: dict[str, list[float]] = {}
    measured = MeasuredModel(binary_run.model, digits, Dynamic())

    def hear(share: float) -> None:
        *_, shares = steps.values()
        shares.append(share)

    with listening(hear):
        evaluation = measure_parts(Measurement(measured, SMALL, lambda line: steps.update({line: []})))
    return evaluation, steps


@pytest.fixture
def few_temperatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Annealing in a tenth of its steps; whether it comes near the evidence is asked of the run above."""
    for module, name in ((measurements, "annealed_bound"), (evidence_part, "bidirectional_bounds")):
        monkeypatch.setattr(module, name, partial(getattr(module, name), temperatures=10))


def named(section: Section) -> dict[str, Number]:
    return {number.name: number for number in section.numbers}


def test_every_step_of_an_evaluation_tells_how_far_it_is(told: tuple[Evaluation, dict[str, list[float]]]) -> None:
    _, steps = told
    costly = ("drawing 20 importance samples", "integrating", "annealing", "fitting a posterior")
    assert all(any(line.startswith(words) for line in steps) for words in costly)
    for line, shares in steps.items():
        if line.startswith(costly):
            assert shares, line
            assert shares[-1] == max(shares) == pytest.approx(1.0), line
        assert len(set(shares)) > 100 or not line.startswith("annealing"), line


def test_a_run_is_measured_in_every_applicable_part(
    binary_run: Run, digits: ImageData, told: tuple[Evaluation, dict[str, list[float]]]
) -> None:
    measured, (evaluation, _) = measurement(binary_run.model, digits, Dynamic(), SMALL), told
    assert [section.part for section in evaluation.sections] == [
        "elbo",
        "evidence",
        "gaps",
        "samples",
        "representation",
    ]
    assert "distances left out: the test split has 60 images" in evaluation.section("samples").findings[0]
    assert "the factors of its images are not known" in evaluation.left_out["disentanglement"]
    assert evaluation.weights_sha256 == weights_digest(binary_run.model)

    evidence = named(evaluation.section("evidence"))
    exact = exact_evidence(binary_run.model, measured.x)
    assert evidence["log p(x)"].value == pytest.approx(exact.log_p.mean().item(), abs=1e-6)
    assert evidence["ELBO"].value < evidence["IWAE-20"].value < evidence["log p(x)"].value
    for number in evidence.values():
        low, high = number.interval
        assert low <= number.value <= high, number
    (order, *_) = evaluation.section("evidence").findings
    assert order.startswith("The order holds: ELBO")
    assert abs(exact.refining.mean()) < 0.01
    # On a trained model with two latent dimensions, annealing and many importance samples agree with quadrature.
    low, high = evidence["AIS - log p(x)"].interval
    assert low - 0.1 < 0 < high + 0.1
    many = importance_bound(binary_run.model, measured.x, samples=5000)
    assert (exact.log_p - many.log_p).abs().median() < 0.1

    gaps = named(evaluation.section("gaps"))
    assert gaps["log p(x) - ELBO"].value == pytest.approx(
        gaps["approximation gap"].value + gaps["amortisation gap"].value
    )
    rows = [int(row) for row in evaluation.section("gaps").curves["row"]]
    assert rows == measured.costly_rows.tolist()
    np.testing.assert_allclose(evaluation.section("gaps").curves["log_p"], exact.log_p[rows], atol=1e-6)

    elbo = named(evaluation.section("elbo"))
    assert elbo["-ELBO"].value == pytest.approx(elbo["distortion"].value + elbo["rate"].value)
    # Two estimates of the same bound, from different draws.
    assert -elbo["-ELBO"].value == pytest.approx(evidence["ELBO"].value, abs=3)


def test_a_mass_on_pixels_has_bits_per_dimension() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (12, 3, 4, 4), np.uint8)
    data, budget = ImageData("grey", grey, splits={"train": range(2), "test": range(2, 12)}), Budget(n_costly=2)
    dimensions = 3 * 4 * 4
    parts: Any = {"network": Mlp(hidden=(4,)), "likelihood": CategoricalPixels()}
    model = VAE(2, **parts).build(data.format)
    numbers = named(vaelab.evaluate(model, data, only="elbo", budget=budget).section("elbo"))
    bits, nats = numbers["bits per dimension"], numbers["-ELBO"]
    assert bits.value == pytest.approx(nats.value / (dimensions * np.log(2)))
    assert bits.interval == pytest.approx([end / (dimensions * np.log(2)) for end in nats.interval])
    assert bits.cells[1] == f"{bits.value:.3f}"
    # With all weights zero each of 256 values has the same mass, 8 bits; one of 16 codes takes 4 bits.
    model = VAE(2, **parts, posterior=Codebook(size=16), prior=UniformCodes()).build(data.format)
    bits = named(vaelab.evaluate(model, data, only="evidence", budget=budget).section("evidence"))["bits per dimension"]
    assert 8 < bits.interval[0] < bits.value < bits.interval[1]
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    bits = named(vaelab.evaluate(model, data, only="evidence", budget=budget).section("evidence"))["bits per dimension"]
    assert (bits.value, *bits.interval) == pytest.approx([8 + 4 / dimensions] * 3, abs=1e-5)
    # A density has no code length, and neither has a cross-entropy.
    for likelihood in (LearnedGaussian(), Bernoulli()):
        model = VAE(latent=2, network=Mlp(hidden=(4,)), likelihood=likelihood).build(data.format)
        assert "bits per dimension" not in named(vaelab.evaluate(model, data, only="elbo").section("elbo"))


def test_python_gives_what_the_command_gives(binary_run: Run, digits: ImageData) -> None:
    evaluation = vaelab.evaluate(binary_run.model, digits, Dynamic(), only=["elbo"], budget=SMALL)
    again = measure_parts(measurement(binary_run.model, digits, Dynamic(), SMALL), ["elbo"])
    assert evaluation.section("elbo").numbers == again.section("elbo").numbers


@pytest.mark.usefixtures("few_temperatures")
def test_a_violated_order_is_reported(binary_run: Run, digits: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaelab.evaluation import evidence

    right = evidence.importance_bound

    def wrong(*arguments: object, **options: object) -> object:
        bound = right(*arguments, **options)
        return replace(bound, log_p=bound.log_p + 50)

    monkeypatch.setattr(evidence, "importance_bound", wrong)
    result = measure_parts(measurement(binary_run.model, digits, Dynamic(), SMALL), ["evidence"])
    assert result.section("evidence").findings[0].startswith("THE ORDER IS VIOLATED")


@pytest.mark.usefixtures("few_temperatures")
def test_annealing_says_whether_its_starts_agree(
    binary_run: Run, digits: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(SMALL, n_images=20, n_costly=6)
    monkeypatch.setattr(measurements, "annealed_bound", partial(annealed_bound, temperatures=50))
    evidence = measure_parts(measurement(binary_run.model, digits, Dynamic(), few), ["evidence"]).section("evidence")
    assert evidence.findings[-1].startswith("AIS from the prior and AIS from the encoder agree: they differ by")

    save(binary_run.model, tmp_path / "model.safetensors")
    misled = load(tmp_path / "model.safetensors")
    with torch.no_grad():
        misled.posterior.mean.weight.zero_()
        misled.posterior.mean.bias.fill_(6.0)
        misled.posterior.log_variance.weight.zero_()
        misled.posterior.log_variance.bias.fill_(-9.0)
    evidence = measure_parts(measurement(misled, digits, Dynamic(), few), ["evidence"]).section("evidence")
    found = evidence.findings[-1]
    assert found.startswith("AIS FROM THE PRIOR AND FROM THE ENCODER DISAGREE: from the encoder it is lower")
    assert "for 6 of 6 images" in found
    assert evidence.value("AIS from the encoder") < evidence.value("AIS from the prior") - 1
    assert evidence.value("AIS - log p(x)") == pytest.approx(0, abs=0.3)


@pytest.mark.usefixtures("few_temperatures")
def test_grey_pixels_give_gaps_but_no_evidence(digits: ImageData) -> None:
    torch.manual_seed(0)
    model = VAE(latent=2, network=Mlp(hidden=(16,))).build(digits.format)
    evaluation = measure_parts(measurement(model, digits, Grey(), SMALL), ["elbo", "gaps"])
    with pytest.raises(UserError, match="a cross-entropy and no log-likelihood; binarise them"):
        measure_parts(measurement(model, digits, Grey(), SMALL), ["evidence"])
    assert "cross-entropy + rate" in named(evaluation.section("elbo"))
    assert any("is no density of images" in finding for finding in evaluation.section("gaps").findings)
    measured = measure_parts(measurement(model, digits, Dynamic(), SMALL), ["evidence"])
    assert "log p(x)" in named(measured.section("evidence"))


def test_errors_for_models_without_a_density_name_the_applicable_parts(digits: ImageData) -> None:
    codebook = VAE(latent=4, network=Mlp(hidden=(16,)), posterior=Codebook(size=8), prior=UniformCodes())
    discrete = measurement(codebook.build(digits.format), digits, Dynamic(), SMALL)
    with pytest.raises(UserError, match=r"codes come from a codebook, so there is no density of z.*can be measured"):
        measure_parts(discrete, ["gaps"])
    ladder = measurement(Ladder(groups=(1, 1), width=8).build(digits.format), digits, Dynamic(), SMALL)
    evaluation = measure_parts(ladder, ["elbo", "evidence"])
    assert [name for name in named(evaluation.section("elbo")) if name.startswith("rate of group")] == [
        "rate of group 1",
        "rate of group 2",
    ]
    assert "log p(x)" not in named(evaluation.section("evidence"))
    with pytest.raises(UserError, match="latents depend on each other"):
        measure_parts(ladder, ["gaps"])
    flow = measurement(
        VAE(latent=2, network=Mlp(hidden=(8,)), posterior=FlowPosterior()).build(digits.format),
        digits,
        Dynamic(),
        SMALL,
    )
    with pytest.raises(UserError, match="posterior is FlowPosterior"):
        measure_parts(flow, ["gaps"])


@pytest.mark.usefixtures("few_temperatures")
def test_models_with_too_many_dimensions_for_a_grid_are_annealed(digits: ImageData) -> None:
    torch.manual_seed(0)
    model = VAE(latent=5, network=Mlp(hidden=(16,)), conditional=True).build(digits.format)
    evaluation = measure_parts(measurement(model, digits, Dynamic(), replace(SMALL, n_costly=3)), ["evidence", "gaps"])
    annealed = {"AIS", "AIS from the prior", "AIS from the encoder", "AIS - IWAE-20", "BDMC gap"}
    assert {"ELBO", "IWAE-20", "bits per dimension"} | annealed == set(named(evaluation.section("evidence")))
    assert any("is a lower bound" in finding for finding in evaluation.section("gaps").findings)


def test_sprites_are_measured_for_disentanglement(logistic_for_boosted: None) -> None:
    data = Sprites(limit=3000, image_size=16).load()
    torch.manual_seed(0)
    model = VAE(latent=4, network=Mlp(hidden=(16,))).build(data.format)
    evaluation = measure_parts(measurement(model, data), ["disentanglement"])
    numbers = named(evaluation.section("disentanglement"))
    assert list(numbers) == [*DisentanglementScores.names(), *PublishedScores.names()]
    assert all(number.value <= 1 for number in numbers.values())
    # Each says whose definition it follows.
    assert numbers["MIG"].how == "ours: Chen et al. (2018), information from nearest neighbours"
    assert "Locatello et al. (2019)" in numbers["MIG, equal-width bins"].how
    assert all(number.how for number in numbers.values())
    about = evaluation.section("disentanglement").about
    assert about["factors"] == "label, scale, orientation, x, y"
    assert about["boosted classifiers learn from"] == "150 images"


def test_uninformative_latents_score_at_chance(digits: ImageData) -> None:
    """A constant encoder scores at chance, and its clusters are left out."""
    torch.manual_seed(0)
    model = VAE(latent=2, network=Mlp(hidden=(16,)), conditional=True).build(digits.format)
    with torch.no_grad():
        for weight in model.network.encoder.parameters():
            weight.zero_()
    evaluation = measure_parts(measurement(model, digits, Grey(), SMALL), ["representation"])
    numbers = named(evaluation.section("representation"))
    chance = float(numbers["linear probe"].how.removeprefix("chance "))
    assert numbers["linear probe"].value <= chance + 0.1
    assert "cluster information" not in numbers
    assert any("The model is given the label" in finding for finding in evaluation.section("representation").findings)


def test_results_of_other_parts_are_kept_while_the_weights_are_the_same(tmp_path: Path) -> None:
    def measured(weights: str, *parts: str) -> Evaluation:
        return Evaluation("m", weights, tuple(Section(part, (Number("n", 1.0),)) for part in parts))

    order = [part.name for part in PARTS]
    both = measured("a", "gaps").merge(measured("a", "elbo", "gaps"), order)
    assert [section.part for section in both.sections] == ["elbo", "gaps"]
    assert [section.part for section in measured("b", "gaps").merge(both, order).sections] == ["gaps"]
    refused = replace(measured("a"), left_out={"gaps": "grey pixels", "samples": "too few"}).merge(both, order)
    assert [section.part for section in refused.sections] == ["elbo", "gaps"]
    assert refused.left_out == {"samples": "too few"}
    assert len(measured("a", "of a later version").merge(both, order).sections) == 3
    both.write(tmp_path / "evaluation.json")
    assert read_evaluation(tmp_path / "evaluation.json") == both
    with pytest.raises(UserError, match="samples was not measured: it was not asked for"):
        both.section("samples")


def test_equal_bounds_count_as_ordered(digits: ImageData) -> None:
    """With a deterministic posterior the importance bound equals the ELBO up to rounding."""
    torch.manual_seed(0)
    codebook = VAE(latent=4, network=Mlp(hidden=(16,)), posterior=Codebook(size=8), prior=UniformCodes())
    evaluation = measure_parts(measurement(codebook.build(digits.format), digits, Dynamic(), SMALL), ["evidence"])
    assert evaluation.section("evidence").findings[0].startswith("The order holds")
    assert any("codes come from a codebook" in finding for finding in evaluation.section("evidence").findings)


@pytest.mark.usefixtures("few_temperatures")
def test_bounds_remain_if_every_condition_differs(digits: ImageData) -> None:
    """One lattice per condition is too expensive; the bounds and gaps are still measured."""
    tilts = np.random.default_rng(0).normal(size=(360, 1)).astype(np.float32)
    splits = {"train": range(60), "test": range(60, 360)}
    data = replace(digits, labels=None, classes=(), splits=splits, attributes=tilts, attribute_names=("tilt",))
    torch.manual_seed(0)
    model = VAE(latent=3, network=Mlp(hidden=(16,)), conditional=True).build(data.format)
    evaluation = measure_parts(measurement(model, data, Dynamic(), replace(SMALL, n_costly=3)), ["evidence", "gaps"])
    assert any("max_points" in finding for finding in evaluation.section("evidence").findings)
    assert "AIS" in named(evaluation.section("evidence"))
    assert "AIS" in named(evaluation.section("gaps"))["log p(x) - ELBO"].how


def test_a_subset_of_images_is_binarised_like_the_full_set(digits: ImageData) -> None:
    model = VAE(network=Mlp(hidden=(16,))).build(digits.format)
    for protocol in (Dynamic(), Static()):
        full = measurement(model, digits, protocol).x
        subset = measurement(model, digits, protocol, Budget(n_images=20))
        rows = np.sort(np.random.default_rng(0).choice(60, 20, replace=False))
        assert torch.equal(subset.x, full[rows])
        assert set(full.unique().tolist()) == {0.0, 1.0}


def test_sample_metrics_distinguish_copies_from_noise() -> None:
    """A decoder that returns training images of the class, against an untrained one."""
    data = open_data("digits")
    torch.manual_seed(0)
    model = VAE(latent=2, network=Mlp(hidden=(16,)), conditional=True).build(data.format)
    section = measure_parts(measurement(model, data, Grey(), Budget(n_images=200)), ["samples"]).section("samples")
    noise = named(section)
    assert noise["conditional accuracy"].value < 0.3
    assert noise["exact copies"].value == 0
    assert noise["coverage"].value < 0.1
    assert section.about["pixels"] == "means of p(x | z) against grey images"
    train = data.split("train")
    images = torch.from_numpy(train.images).float() / 255

    def copying(n: int, y: torch.Tensor) -> torch.Tensor:
        return torch.stack(
            [images[torch.from_numpy(train.labels == int(label)).nonzero()[index, 0]] for index, label in enumerate(y)]
        )

    model.generate = copying  # type: ignore[method-assign]
    copies = named(measure_parts(measurement(model, data, Grey(), Budget(n_images=60)), ["samples"]).section("samples"))
    assert copies["exact copies"].value == 1
    assert copies["the same, relative"].value > 0.95
    assert copies["conditional accuracy"].value > 0.9


def test_the_command_prints_and_writes_what_it_measured(cli: Cli, binary_run: Run) -> None:
    words = ("evaluate", binary_run.folder, "--images", "30", "--few", "3", "--samples", "5")
    done = cli(*words, "--only", "elbo", "representation")
    assert "active units" in done.stdout
    assert "splitting the ELBO into its terms" in done.stderr
    path = binary_run.folder / "evaluation.json"
    first = json.loads(path.read_text())
    assert [section["part"] for section in first["sections"]] == ["elbo", "representation"]
    assert first["command"].startswith("vaelab evaluate")
    cli(*words, "--only", "gaps", "--quiet")
    second = json.loads(path.read_text())
    assert [section["part"] for section in second["sections"]] == ["elbo", "gaps", "representation"]
    assert second["sections"][0] == first["sections"][0]


@pytest.mark.usefixtures("few_temperatures")
def test_a_quick_evaluation_takes_few_images_and_draws(cli: Cli, binary_run: Run) -> None:
    out = binary_run.folder / "quick.json"
    cli("evaluate", binary_run.folder, "--only", "evidence", "--quick", "--quiet", "--images", "30", "--out", out)
    (section,) = json.loads(out.read_text())["sections"]
    assert section["about"]["images annealed"] == 10
    assert section["about"]["images"] == 30  # a number that is given counts
    assert "IWAE-50" in [number["name"] for number in section["numbers"]]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--only", "evidense"), "only names 'evidense', but there are: elbo, evidence, gaps, samples"),
        (("--samples", "0"), "samples is 0, but must be >= 1"),
        (("--images", "1"), "images is 1, but must be >= 2"),
        (("--few", "0"), "few is 0, but must be >= 2"),
        (("--binarisation", "foggy"), "binarisation is 'foggy', but must be one of grey, static, dynamic, threshold"),
        (("--only", "disentanglement"), "has no attributes, so the factors of its images are not known; choose data"),
        (
            ("--data", "digits", "--data-dir", "nowhere", "--only", "gaps", "--images", "1e3"),
            "--images is '1e3', but must be a whole number",
        ),
    ],
)
def test_bad_input_is_one_line(cli: Cli, binary_run: Run, flags: tuple[str, ...], message: str) -> None:
    done = cli("evaluate", binary_run.folder, *flags, "--quiet", code=2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_weights_that_are_not_finite_are_refused(cli: Cli, binary_run: Run, digits_file: Path, tmp_path: Path) -> None:
    model = binary_run.model
    broken = model.spec.build(model.format)
    broken.load_state_dict(model.state_dict())
    with torch.no_grad():
        next(broken.parameters())[0, 0] = float("nan")
    save(broken, tmp_path / "broken.safetensors")
    done = cli("evaluate", tmp_path / "broken.safetensors", "--data", f"npz:{digits_file}", code=2)
    assert "has values that are not finite; restore it from a copy" in done.stderr
    done = cli("evaluate", tmp_path / "broken.safetensors", code=2)
    assert "a model without its data; name images with --data" in done.stderr


def test_chosen_parts_keep_their_standard_order() -> None:
    assert [part.name for part in chosen(["gaps", "elbo"])] == ["elbo", "gaps"]
    assert chosen(()) == list(PARTS)
