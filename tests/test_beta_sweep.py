"""The sweep over beta: its runs, its results, resuming without repeated work, and its figures."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from vaelab import VAE, ImageData, UserError, full_pass
from vaelab.cli import main
from vaelab.data import ImageFormat, Sprites, open_data
from vaelab.evaluation.budget import Budget
from vaelab.evaluation.results import Evaluation, Number, Section, read_evaluation
from vaelab.experiment import Experiment, Training
from vaelab.networks import Conv
from vaelab.objectives import Elbo
from vaelab.optimisers import Adam
from vaelab.plots import rate_distortion
from vaelab.report import write_run_report
from vaelab.schedules import Constant, Cosine
from vaelab.studies import StudySettings, beta_sweep, run_study, study as shared_steps
from vaelab.studies.beta_sweep import SOURCE, BetaSweepStudy, sweep_experiment
from vaelab.studies.sweep import slopes
from vaelab.training import open_run

BETAS, SEEDS = (0.1, 50.0), (0, 1)
NAMES = [f"beta-{beta:g}-seed{seed}" for beta in BETAS for seed in SEEDS]


@pytest.fixture(scope="module")
def sprites() -> ImageData:
    return Sprites(limit=2000, image_size=16).load()


@pytest.fixture(scope="module")
def words(sprites: ImageData, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], list[str]]:
    """The command line for these sprites, with unsorted betas."""
    path = tmp_path_factory.mktemp("data") / "sprites.npz"
    train, test = sprites.split("train"), sprites.split("test")
    named = {"classes": np.array(sprites.classes), "attribute_names": np.array(sprites.attribute_names)}
    of_test = {"test_images": test.images, "test_labels": test.labels, "test_attributes": test.attributes}
    np.savez(path, images=train.images, labels=train.labels, attributes=train.attributes, **of_test, **named)
    flags = ["--betas", "50", "0.1", "--seeds", "2", "--epochs", "8", "--data", f"npz:{path}"]
    return lambda out: ["study", "beta-sweep", "--out", str(out), *flags]


@pytest.fixture(scope="module")
def study(
    words: Callable[[Path], list[str]], tmp_path_factory: pytest.TempPathFactory, logistic_for_boosted: None
) -> Path:
    out = tmp_path_factory.mktemp("sweep") / "out"
    assert main(words(out)) == 0
    return out


def results_of(study: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((study / "results.json").read_text())
    return results


def value(run: dict[str, Any], part: str, name: str) -> float:
    return next(float(number["value"]) for number in run[part] if number["name"] == name)


def test_the_sweep_has_the_documented_settings() -> None:
    assert Sprites(image_size=32) == SOURCE
    assert sweep_experiment(ImageFormat(1, 32, 32), 4.0, 10) == Experiment(
        data=Sprites(image_size=32),
        model=VAE(latent=10, network=Conv(channels=(32, 64, 64))),
        objective=Elbo(beta=Constant(4.0)),
        training=Training(
            validation=0,
            epochs=10,
            batch_size=64,
            optimiser=Adam(learning_rate=2e-3, schedule=Cosine(start=1.0, stop=0.0, warmup=0.05)),
        ),
    )


@pytest.mark.parametrize(("size", "halvings"), [(16, 2), (28, 3), (32, 3), (64, 4), (128, 5)])
def test_the_network_halves_images_down_to_four_pixels(size: int, halvings: int) -> None:
    images = ImageFormat(1, size, size)
    spec = sweep_experiment(images, 1.0, 10).model
    assert isinstance(spec, VAE)
    assert isinstance(spec.network, Conv)
    assert len(spec.network.channels) == halvings
    assert spec.build(images).network.base == (64, 4, 4)


def test_results_are_the_evaluations_of_the_runs(study: Path, sprites: ImageData) -> None:
    results = results_of(study)
    assert sorted(results["runs"]) == sorted(NAMES)
    for name, run in results["runs"].items():
        evaluation = read_evaluation(study / name / "evaluation.json")
        assert run["weights_sha256"] == evaluation.weights_sha256
        assert [section.part for section in evaluation.sections] == ["elbo", "disentanglement"]
        for section in evaluation.sections:
            stored = [(number["name"], number["value"], number["interval"]) for number in run[section.part]]
            ends = [list(number.interval) if number.interval else None for number in section.numbers]
            pairs = [(number.name, number.value) for number in section.numbers]
            assert stored == [(*pair, interval) for pair, interval in zip(pairs, ends, strict=True)]
        assert len(run["disentanglement"]) == 10 + 9
        # The results belong to this beta, this seed and the test split, whose KL has a closed form.
        trained = open_run(study / name)
        assert trained.experiment.objective == Elbo(beta=Constant(run["beta"]))
        assert trained.experiment.training.seed == run["seed"]
        totals = full_pass(trained.model, sprites.split("test"))
        assert value(run, "elbo", "rate") == pytest.approx(totals.kl, rel=1e-5)
        assert value(run, "elbo", "distortion") == pytest.approx(totals.reconstruction, rel=0.02)
    about = results["about"]
    assert about["betas"] == list(BETAS)
    assert about["images"] == 200
    assert about["epochs"] == 8
    assert "study beta-sweep" in about["command"]
    assert about["training_seconds"] > 0


def test_a_high_beta_lowers_the_rate_and_raises_the_distortion(study: Path) -> None:
    runs = results_of(study)["runs"]
    for seed in SEEDS:
        low, high = (runs[f"beta-{beta:g}-seed{seed}"] for beta in BETAS)
        assert value(low, "elbo", "rate") > 5
        assert value(high, "elbo", "rate") < 0.5
        assert value(low, "elbo", "distortion") < value(high, "elbo", "distortion") - 5


def test_the_table_shows_mean_and_spread_over_seeds(study: Path) -> None:
    results = results_of(study)
    table = {row[0]: row[1:] for row in results["table"]["rows"]}
    assert results["table"]["columns"] == ["", "beta = 0.1", "beta = 50"]
    assert len(table) == len(results["table"]["rows"]) == 10 + 10 + 9
    for part, name, digits in (("elbo", "rate", 2), ("elbo", "active units", 1), ("disentanglement", "MIG", 3)):
        for beta, cell in zip(BETAS, table[name], strict=True):
            values = [value(results["runs"][f"beta-{beta:g}-seed{seed}"], part, name) for seed in SEEDS]
            assert cell == f"{mean(values):.{digits}f} ± {stdev(values):.{digits}f}", name


def test_a_report_shows_the_table(study: Path, tmp_path: Path) -> None:
    write_run_report([study], tmp_path / "report.html", draw=lambda run: ())
    page = (tmp_path / "report.html").read_text()
    rate = next(row for row in results_of(study)["table"]["rows"] if row[0] == "rate")
    assert all(cell.replace("± ", "±\u00a0") in page for cell in rate[1:])


def test_only_missing_or_outdated_evaluations_are_measured_again(
    study: Path,
    words: Callable[[Path], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = shutil.copytree(study, tmp_path / "out")
    measured: list[str] = []
    figures: dict[str, Figure] = {}
    real, save = beta_sweep.measure_parts, shared_steps.save_figure

    def counted(measurement: Any, *arguments: Any) -> Evaluation:
        measured.append(measurement.measured.title)
        return real(measurement, *arguments)

    def recorded(figure: Figure, path: Path) -> None:
        figures[path.name] = figure
        save(figure, path)

    monkeypatch.setattr(beta_sweep, "measure_parts", counted)
    monkeypatch.setattr(shared_steps, "save_figure", recorded)
    before = {path: path.read_bytes() for path in out.rglob("*.*") if path.name in ("last.safetensors", "results.json")}

    # Run it again: nothing is trained or measured, and the printed tables hold the same numbers.
    capsys.readouterr()
    assert main(words(out)) == 0
    assert measured == []
    assert results_of(out)["runs"] == results_of(study)["runs"]
    assert all(path.read_bytes() == content for path, content in before.items() if path.name == "last.safetensors")
    output = capsys.readouterr().out
    for row in results_of(study)["table"]["rows"]:
        assert all(cell in output for cell in row), row[0]
    _the_figures_hold_the_numbers(figures, results_of(study))

    # An evaluation on fewer images is repeated, and so are that of a run whose weights have changed and that of a
    # version that knew fewer scores.
    first, other = out / NAMES[0], out / NAMES[1]
    assert main(["evaluate", str(first), "--only", "elbo", "--images", "50"]) == 0
    shutil.copy(other / "last.safetensors", out / NAMES[2])
    older = json.loads((out / NAMES[3] / "evaluation.json").read_text())
    older["sections"][1]["numbers"] = older["sections"][1]["numbers"][:10]
    (out / NAMES[3] / "evaluation.json").write_text(json.dumps(older))
    assert main(words(out)) == 0
    assert sorted(measured) == sorted([NAMES[0], NAMES[2], NAMES[3]])
    now = results_of(out)["runs"]
    assert now[NAMES[0]] == results_of(study)["runs"][NAMES[0]]
    assert now[NAMES[2]]["elbo"] == now[NAMES[1]]["elbo"]


def _the_figures_hold_the_numbers(figures: dict[str, Figure], results: dict[str, Any]) -> None:
    assert set(figures) == {
        f"{name}.{kind}" for name in ("rate-distortion", "scores-by-beta") for kind in ("svg", "png")
    }
    by_seed_and_beta = {(run["seed"], run["beta"]): run for run in results["runs"].values()}
    plane = figures["rate-distortion.png"].axes[0]
    clouds = [line.get_xydata() for line in plane.lines if line.get_marker() == "o" and len(line.get_xdata())]
    for seed, points in zip(SEEDS, clouds, strict=True):
        wanted = [
            [value(by_seed_and_beta[seed, beta], "elbo", name) for name in ("rate", "distortion")] for beta in BETAS
        ]
        np.testing.assert_allclose(points, wanted)
    scores = figures["scores-by-beta.png"].axes[0]
    thick = {
        text.get_text(): handle.get_color()
        for text, handle in zip(scores.get_legend().get_texts(), scores.get_legend().get_lines(), strict=True)
    }
    assert len(thick) == 10
    for name, colour in thick.items():
        curves = [line for line in scores.lines if line.get_color() == colour]
        values = [[value(by_seed_and_beta[seed, beta], "disentanglement", name) for beta in BETAS] for seed in SEEDS]
        for line, wanted in zip(curves, [*values, np.mean(values, 0)], strict=True):
            np.testing.assert_allclose(line.get_xydata(), np.stack([BETAS, wanted], 1))
    assert [tick.get_text() for tick in scores.get_xticklabels()] == ["0.1", "50"]


def test_between_optima_the_slope_lies_between_the_betas() -> None:
    """D = a exp(-R): the optimum of D + beta R is at R = log(a / beta), where D = beta."""
    betas = [1.0, 2.0, 16.0]
    rates = np.log(100 / np.array(betas))
    sweep = {
        (beta, 0): Evaluation("", "", (Section("elbo", (Number("rate", rate), Number("distortion", beta))),))
        for beta, rate in zip(betas, rates.tolist(), strict=True)
    }
    chords = slopes(sweep, betas)
    assert [(pair["from"], pair["to"]) for pair in chords] == [(1, 2), (2, 16)]
    # The chords of an exponential are logarithmic means.
    assert chords[0]["slope"] == pytest.approx(1 / np.log(2))
    assert chords[1]["slope"] == pytest.approx(14 / np.log(8))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--betas 1 -2", "betas has -2, but each must be finite and >= 0"),
        ("--betas 1 inf", "betas has inf, but each must be finite"),
        ("--betas nan", "betas has nan, but each must be finite"),
        ("--betas 4 1 4.0", "betas has 4 more than once"),
        ("--betas", "betas is empty"),
        ("--seeds 0", "seeds is 0, but must be >= 1"),
        ("--epochs 0", "Training.epochs is 0, but must be >= 1"),
        ("--data digits", "so the factors of its images are not known"),
    ],
)
def test_invalid_sweeps_are_refused_in_one_line(
    flags: str, message: str, words: Callable[[Path], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words(tmp_path / "out"), *flags.split()]) != 0
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "out").exists()


def test_too_few_images_are_refused_before_training(tmp_path: Path) -> None:
    settings = StudySettings(tmp_path / "out", open_data(Sprites(limit=200, image_size=16)), epochs=1)
    with pytest.raises(UserError, match="rarest value"):
        run_study(BetaSweepStudy(), settings)
    with pytest.raises(UserError, match="images is 1"):
        run_study(BetaSweepStudy(budget=Budget(n_images=1)), settings)
    assert not (tmp_path / "out").exists()


RATE = np.array([[3.0, 18.0, 8.0], [3.4, 19.0, 8.4]])
DISTORTION = np.array([[70.0, 15.0, 36.0], [68.0, 15.5, 37.0]])


def test_each_point_is_labelled_with_its_beta_and_has_a_tangent_of_that_slope() -> None:
    axes = rate_distortion([16, 1, 4], RATE, DISTORTION, title="sprites").axes[0]
    named = {text.get_text(): text.xy for text in axes.texts}
    means = np.stack([RATE.mean(0), DISTORTION.mean(0)], 1)
    across, down = np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())
    for beta, point in zip((16, 1, 4), means, strict=True):
        away = (np.array(named[f"β = {beta}"]) - point) / (across, down)
        assert 0 < away.min() <= away.max() < 0.12
    tangents = [line.get_xydata() for line in axes.lines if len(line.get_xdata()) == 2 and line.get_lw() == 1.2]
    for beta, point, ends in zip((1, 4, 16), means[[1, 2, 0]], tangents, strict=True):
        np.testing.assert_allclose(ends.mean(0), point)
        run, rise = np.ptp(ends, axis=0)
        assert (ends[1] - ends[0])[1] < 0 < (ends[1] - ends[0])[0]
        assert rise / run == pytest.approx(beta)
        # All tangents have the same length on paper.
        assert np.hypot(run / across, rise / down) == pytest.approx(0.12)
    curve = next(line for line in axes.lines if len(line.get_xdata()) == 3 and line.get_marker() == "None")
    np.testing.assert_allclose(curve.get_xydata(), means[[1, 2, 0]])


def test_the_right_axis_shows_rate_plus_distortion() -> None:
    figure = rate_distortion([16, 1, 4], RATE, DISTORTION)
    axes = figure.axes[0]
    (right,) = axes.child_axes
    edge, (low, high) = axes.get_xlim()[1], axes.get_ylim()
    diagonals = [line for line in axes.lines if getattr(line, "get_slope", lambda: None)() == -1]
    sums = [sum(line.get_xy1()) for line in diagonals]
    ticks = [tick for tick in right.get_yticks() if low + edge <= tick <= high + edge]
    assert len(ticks) >= 4
    assert set(np.round(ticks, 6)) <= set(np.round(sums, 6))
    np.testing.assert_allclose(right.get_ylim(), (low + edge, high + edge))
    assert right.get_ylabel().startswith("-ELBO")
    assert "negative log-likelihood" in axes.get_ylabel()
    grey = rate_distortion([16, 1, 4], RATE, DISTORTION, "cross-entropy").axes[0]
    assert "cross-entropy" in grey.get_ylabel()
    assert "ELBO" not in grey.child_axes[0].get_ylabel()


@pytest.mark.parametrize(
    ("beta", "rate", "distortion"),
    [
        ([16, 1, 4], RATE, DISTORTION),
        ([4], [[3.0]], [[20.0]]),
        ([0, 8, 16, 32], [[30, 0.1, 0.02, 0.0]], [[20, 120, 120.3, 120.2]]),
        ([8, 16], [[0.0, 0.0]], [[120.0, 120.0]]),
    ],
    ids=["curve", "one", "collapsed", "all collapsed"],
)
def test_the_plane_is_legible(beta: Any, rate: Any, distortion: Any) -> None:
    """Nothing crosses the edge, and no two labels overlap."""
    figure = rate_distortion(beta, rate, distortion, title="sprites")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="rgba", dpi=100)
    width, height = (round(100 * inches) for inches in figure.get_size_inches())
    pixels = np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)
    for side in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (side[:, :3] == 255).all()
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]
    assert len(boxes) == len(beta)
    for place, box in enumerate(boxes):
        assert not any(box.padded(-1).overlaps(other.padded(-1)) for other in boxes[:place])


def test_invalid_rate_distortion_data_is_refused() -> None:
    with pytest.raises(UserError, match="beta holds -1, but must be >= 0"):
        rate_distortion([-1, 1, 4], RATE, DISTORTION)
    with pytest.raises(UserError, match=r"rate has shape \(2, 3\)"):
        rate_distortion([1, 4], RATE, DISTORTION)
