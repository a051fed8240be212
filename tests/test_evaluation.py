"""`vaelab evaluate`, as a user meets it: numbers, files, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vaelab
from vaelab import VAE, Elbo, Experiment, Ladder, Mlp, Npz, Training
from vaelab.data import BinarisationSpec, Dynamic, Grey, ImageData, Sprites, Static, open_data
from vaelab.errors import UserError
from vaelab.evaluation import PARTS, chosen
from vaelab.evaluation.budget import Budget
from vaelab.evaluation.evaluate import measure_parts
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Evaluation, Number, Section, read_evaluation
from vaelab.measured import MeasuredModel
from vaelab.metrics.evidence import exact_evidence, importance_bound
from vaelab.models.files import save, weights_digest
from vaelab.posteriors import Codebook, FlowPosterior
from vaelab.priors import UniformCodes
from vaelab.training import Run, train

from .conftest import Cli


def measurement(
    model: Any, data: ImageData, protocol: BinarisationSpec | None = None, budget: Budget | None = None
) -> Measurement:
    return Measurement(MeasuredModel(model, data, protocol), budget or Budget())


SMALL = Budget(n_costly=6, n_samples=20)


@pytest.fixture(scope="module")
def binary_run(digits_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small VAE of binary digits, trained a little."""
    experiment = Experiment(
        data=Npz(str(digits_file)),
        binarisation=Dynamic(),
        model=VAE(latent=2, network=Mlp(hidden=(64, 32))),
        objective=Elbo(),
        training=Training(epochs=8, batch_size=16),
    )
    return train(experiment, tmp_path_factory.mktemp("evaluation") / "run")


def named(section: Section) -> dict[str, Number]:
    return {number.name: number for number in section.numbers}


def test_a_run_is_measured_in_every_part_that_it_can_be(binary_run: Run, digits: ImageData) -> None:
    subject = measurement(binary_run.model, digits, Dynamic(), SMALL)
    found = measure_parts(subject)
    assert [section.part for section in found.sections] == ["elbo", "evidence", "gaps", "samples", "representation"]
    assert "distances left out: the test split has 60 images" in found.section("samples").findings[0]
    assert "the factors of its images are not known" in found.left_out["disentanglement"]
    assert found.weights_sha256 == weights_digest(binary_run.model)

    evidence = named(found.section("evidence"))
    exact = exact_evidence(binary_run.model, subject.x)
    assert evidence["log p(x)"].value == pytest.approx(exact.log_p.mean().item(), abs=1e-6)
    assert evidence["ELBO"].value < evidence["IWAE-20"].value < evidence["log p(x)"].value
    for number in evidence.values():
        low, high = number.interval
        assert low <= number.value <= high, number
    (order, *_) = found.section("evidence").findings
    assert order.startswith("The order holds: ELBO")
    assert abs(exact.refining.mean()) < 0.01
    # What must agree on a trained model of a plane: annealing, and as many importance samples as anyone takes.
    low, high = evidence["AIS - log p(x)"].interval
    assert low - 0.1 < 0 < high + 0.1
    many = importance_bound(binary_run.model, subject.x, samples=5000)
    assert (exact.log_p - many.log_p).abs().median() < 0.1

    gaps = named(found.section("gaps"))
    assert gaps["log p(x) - ELBO"].value == pytest.approx(
        gaps["approximation gap"].value + gaps["amortisation gap"].value
    )
    rows = [int(row) for row in found.section("gaps").curves["row"]]
    assert rows == subject.costly_rows.tolist()
    np.testing.assert_allclose(found.section("gaps").curves["log_p"], exact.log_p[rows], atol=1e-6)

    elbo = named(found.section("elbo"))
    assert elbo["-ELBO"].value == pytest.approx(elbo["distortion"].value + elbo["rate"].value)
    # Two estimates by other draws of the same bound.
    assert -elbo["-ELBO"].value == pytest.approx(evidence["ELBO"].value, abs=3)


def test_python_gives_what_the_command_gives(binary_run: Run, digits: ImageData) -> None:
    found = vaelab.evaluate(binary_run.model, digits, Dynamic(), only=["elbo"], budget=SMALL)
    again = measure_parts(measurement(binary_run.model, digits, Dynamic(), SMALL), ["elbo"])
    assert found.section("elbo").numbers == again.section("elbo").numbers


def test_a_violated_order_is_said_aloud(binary_run: Run, digits: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaelab.evaluation import evidence

    right = evidence.importance_bound

    def wrong(*arguments: object, **options: object) -> object:
        bound = right(*arguments, **options)
        return replace(bound, log_p=bound.log_p + 50)

    monkeypatch.setattr(evidence, "importance_bound", wrong)
    found = measure_parts(measurement(binary_run.model, digits, Dynamic(), SMALL), ["evidence"])
    assert found.section("evidence").findings[0].startswith("THE ORDER IS VIOLATED")


def test_grey_pixels_give_gaps_but_no_evidence(digits: ImageData) -> None:
    torch.manual_seed(0)
    model = VAE(latent=2, network=Mlp(hidden=(16,))).build(digits.format)
    found = measure_parts(measurement(model, digits, Grey(), SMALL), ["elbo", "gaps"])
    with pytest.raises(UserError, match="a cross-entropy and no log-likelihood; binarise them"):
        measure_parts(measurement(model, digits, Grey(), SMALL), ["evidence"])
    assert "cross-entropy + rate" in named(found.section("elbo"))
    assert any("is no density of images" in finding for finding in found.section("gaps").findings)
    measured = measure_parts(measurement(model, digits, Dynamic(), SMALL), ["evidence"])
    assert "log p(x)" in named(measured.section("evidence"))


def test_models_without_a_density_are_told_what_can_be_measured(digits: ImageData) -> None:
    codes = VAE(latent=4, network=Mlp(hidden=(16,)), posterior=Codebook(size=8), prior=UniformCodes())
    subject = measurement(codes.build(digits.format), digits, Dynamic(), SMALL)
    with pytest.raises(UserError, match=r"codes come from a codebook, so there is no density of z.*can be measured"):
        measure_parts(subject, ["gaps"])
    ladder = measurement(Ladder(groups=(1, 1), width=8).build(digits.format), digits, Dynamic(), SMALL)
    found = measure_parts(ladder, ["elbo", "evidence"])
    assert [name for name in named(found.section("elbo")) if name.startswith("rate of group")] == [
        "rate of group 1",
        "rate of group 2",
    ]
    assert "log p(x)" not in named(found.section("evidence"))
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


def test_more_dimensions_than_a_grid_bears_are_annealed(digits: ImageData) -> None:
    torch.manual_seed(0)
    model = VAE(latent=5, network=Mlp(hidden=(16,)), conditional=True).build(digits.format)
    found = measure_parts(measurement(model, digits, Dynamic(), replace(SMALL, n_costly=3)), ["evidence", "gaps"])
    assert {"ELBO", "IWAE-20", "AIS", "AIS - IWAE-20", "BDMC gap"} == set(named(found.section("evidence")))
    assert any("is a lower bound" in finding for finding in found.section("gaps").findings)


def test_sprites_are_measured_for_disentanglement() -> None:
    data = Sprites(limit=3000, image_size=16).load()
    torch.manual_seed(0)
    model = VAE(latent=4, network=Mlp(hidden=(16,))).build(data.format)
    found = measure_parts(measurement(model, data), ["disentanglement"])
    numbers = named(found.section("disentanglement"))
    assert len(numbers) == 10
    assert all(number.value <= 1 for number in numbers.values())
    assert found.section("disentanglement").about["factors"] == "label, scale, orientation, x, y"


def test_codes_that_hold_nothing_are_at_chance(digits: ImageData) -> None:
    """An encoder that gives every image the same code is at chance, and its clusters are left out."""
    torch.manual_seed(0)
    model = VAE(latent=2, network=Mlp(hidden=(16,)), conditional=True).build(digits.format)
    with torch.no_grad():
        for weight in model.network.encoder.parameters():
            weight.zero_()
    found = measure_parts(measurement(model, digits, Grey(), SMALL), ["representation"])
    numbers = named(found.section("representation"))
    chance = float(numbers["linear probe"].how.removeprefix("chance "))
    assert numbers["linear probe"].value <= chance + 0.1
    assert "cluster information" not in numbers
    assert any("The model is given the label" in finding for finding in found.section("representation").findings)


def test_numbers_of_other_parts_are_kept_as_long_as_the_weights_are_the_same(tmp_path: Path) -> None:
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


def test_equal_weights_are_in_order(digits: ImageData) -> None:
    """Of a code that is certain the importance bound is the ELBO, but for rounding."""
    torch.manual_seed(0)
    codes = VAE(latent=4, network=Mlp(hidden=(16,)), posterior=Codebook(size=8), prior=UniformCodes())
    found = measure_parts(measurement(codes.build(digits.format), digits, Dynamic(), SMALL), ["evidence"])
    assert found.section("evidence").findings[0].startswith("The order holds")
    assert any("codes come from a codebook" in finding for finding in found.section("evidence").findings)


def test_conditions_that_are_all_different_leave_the_bounds(digits: ImageData) -> None:
    """No lattice is affordable for each, which costs neither the bounds nor the gaps."""
    tilts = np.random.default_rng(0).normal(size=(360, 1)).astype(np.float32)
    splits = {"train": range(60), "test": range(60, 360)}
    data = replace(digits, labels=None, classes=(), splits=splits, attributes=tilts, attribute_names=("tilt",))
    torch.manual_seed(0)
    model = VAE(latent=3, network=Mlp(hidden=(16,)), conditional=True).build(data.format)
    found = measure_parts(measurement(model, data, Dynamic(), replace(SMALL, n_costly=3)), ["evidence", "gaps"])
    assert any("max_points" in finding for finding in found.section("evidence").findings)
    assert "AIS" in named(found.section("evidence"))
    assert "AIS" in named(found.section("gaps"))["log p(x) - ELBO"].how


def test_images_are_drawn_alike_whether_some_or_all_are_measured(digits: ImageData) -> None:
    model = VAE(network=Mlp(hidden=(16,))).build(digits.format)
    for protocol in (Dynamic(), Static()):
        whole = measurement(model, digits, protocol).x
        some = measurement(model, digits, protocol, Budget(n_images=20))
        rows = np.sort(np.random.default_rng(0).choice(60, 20, replace=False))
        assert torch.equal(some.x, whole[rows])
        assert set(whole.unique().tolist()) == {0.0, 1.0}


def test_samples_are_judged_by_what_they_are() -> None:
    """A decoder that gives the images of its class's training images back, against one that gives noise."""
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
    found = named(measure_parts(measurement(model, data, Grey(), Budget(n_images=60)), ["samples"]).section("samples"))
    assert found["exact copies"].value == 1
    assert found["the same, relative"].value > 0.95
    assert found["conditional accuracy"].value > 0.9


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


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--only", "evidense"), "only names 'evidense', but there are: elbo, evidence, gaps, samples"),
        (("--samples", "0"), "samples is 0, but must be >= 1"),
        (("--images", "1"), "images is 1, but must be >= 2"),
        (("--few", "0"), "few is 0, but must be >= 2"),
        (("--binarisation", "foggy"), "binarisation is 'foggy', but must be one of grey, static, dynamic, threshold"),
        (("--only", "disentanglement"), "has no attributes, so the factors of its images are not known; choose data"),
        (("--data", "digits", "--data-dir", "nowhere", "--only", "gaps", "--images", "1e3"), "images"),
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
    assert "model has weights that are not finite (1 of" in done.stderr
    done = cli("evaluate", tmp_path / "broken.safetensors", code=2)
    assert "a model without its data; name images with --data" in done.stderr


def test_parts_are_chosen_by_name_in_their_own_order() -> None:
    assert [part.name for part in chosen(["gaps", "elbo"])] == ["elbo", "gaps"]
    assert chosen(()) == list(PARTS)
