"""The study end to end on real digits, with its figures and report."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaelab import full_pass
from vaelab.data import ImageData
from vaelab.files import claimed
from vaelab.plots import image_grid, save_figure, to_svg, training_curves
from vaelab.report.published import PAPER
from vaelab.schedules import Progress
from vaelab.studies.paper import PaperStudy
from vaelab.studies.recipes import Recipe, study_experiment
from vaelab.training import open_run
from vaelab.training.folder import RunFolder

from .conftest import Cli


@pytest.fixture(scope="module")
def study(digits_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from vaelab.cli import main

    out = tmp_path_factory.mktemp("study") / "out"
    words = ["study", "paper", "--out", out, "--data", f"npz:{digits_file}", "--epochs", "3", "--seeds", "2"]
    assert main([str(word) for word in words]) == 0
    return out


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies without figures of their runs and without an explorer, of which the study above has both."""
    monkeypatch.setattr(PaperStudy, "draw", lambda self, run, settings: [])
    monkeypatch.setattr(PaperStudy, "explored", lambda self, runs: [])


def test_the_table_is_a_full_pass_with_the_final_weights(study: Path, digits: ImageData) -> None:
    results = json.loads((study / "results.json").read_text())
    for name in ("vae", "cvae"):
        models = [open_run(study / f"{name}-seed{seed}").model for seed in (0, 1)]
        for split, numbers in (("train", results[name]), ("test", results[name]["test"])):
            totals = [full_pass(model, digits.split(split)) for model in models]
            assert numbers["total"] == pytest.approx(np.mean([t.total for t in totals]), rel=1e-9)
            assert numbers["kl"] == pytest.approx(np.mean([t.kl for t in totals]), rel=1e-9)
            assert numbers["spread"]["total"] == pytest.approx(np.std([t.total for t in totals], ddof=1), rel=1e-9)
    change = 100 * (1 - results["cvae"]["total"] / results["vae"]["total"])
    assert results["improvement"]["total"] == pytest.approx(change)
    assert results["paper"]["vae"] == {"reconstruction": 138.00, "kl": 6.59, "total": 144.59}
    assert results["about"]["reconstruction_is"] == "cross-entropy"


def test_the_table_of_the_study_is_consistent() -> None:
    for model in ("vae", "cvae"):
        numbers = PAPER[model]
        assert numbers["reconstruction"] + numbers["kl"] == pytest.approx(numbers["total"])
    for name, percent in PAPER["improvement"].items():
        assert 100 * (1 - PAPER["cvae"][name] / PAPER["vae"][name]) == pytest.approx(percent, abs=0.06)


def test_the_paper_recipe_matches_the_study() -> None:
    for model in ("vae", "cvae"):
        experiment = study_experiment(model, Recipe.paper, n_images=60_000, epochs=None)
        training = experiment.training
        assert (training.epochs, training.batch_size) == (30, 128)
        adam = training.optimiser
        assert (adam.learning_rate, adam.schedule.kind, adam.beta1, adam.beta2) == (1e-3, "constant", 0.9, 0.999)
        assert (experiment.objective.beta.kind, experiment.objective.beta.epochs) == ("linear", 10)
        assert experiment.model.latent == 2
        assert experiment.binarisation.kind == "grey"


def test_the_fast_recipe_takes_a_quarter_of_the_epochs_or_fewer() -> None:
    fast = study_experiment("vae", Recipe.fast, n_images=60_000, epochs=None)
    assert fast.training.epochs <= 30 / 4
    assert fast.model == study_experiment("vae", Recipe.paper, n_images=60_000, epochs=None).model


def test_the_speedrun_takes_half_of_the_fast_epochs_and_changes_neither_model_nor_data() -> None:
    for model in ("vae", "cvae"):
        paper, fast, speedrun = (
            study_experiment(model, recipe, n_images=60_000, epochs=None)
            for recipe in (Recipe.paper, Recipe.fast, Recipe.speedrun)
        )
        assert 2 * speedrun.training.epochs == fast.training.epochs
        for other in (fast, speedrun):
            changed = replace(other, objective=paper.objective, training=paper.training)
            assert changed == paper


def test_the_loss_of_the_speedrun_ends_as_the_bound() -> None:
    """Beta is 1 and the neighbours have no weight in the last epoch, whatever the number of epochs."""
    for epochs, n_images in ((None, 60_000), (None, 1_000), (1, 60_000)):
        vae, cvae = (study_experiment(model, Recipe.speedrun, n_images, epochs) for model in ("vae", "cvae"))
        number = vae.training.epochs
        for step in (0, 5, 9):
            progress = Progress(number, step, 10, number)
            if progress.fraction >= 0.6:
                assert vae.objective.beta(progress) == cvae.objective.beta(progress) == pytest.approx(1.0)
            if progress.fraction >= 0.15:
                assert vae.objective.weight(progress) == 0
        first = Progress(1, 0, 10, number)
        assert (vae.objective.beta(first), vae.objective.weight(first)) == (0.1, 20.0)
    assert study_experiment("vae", Recipe.speedrun, 1_000, None).training.epochs == 10


@pytest.mark.usefixtures("plain")
def test_a_finished_study_is_not_repeated(study: Path, digits_file: Path, cli: Cli, tmp_path: Path) -> None:
    study = Path(shutil.copytree(study, tmp_path / "out"))
    before = {path: path.stat().st_mtime_ns for path in study.rglob("last.safetensors")}
    results = json.loads((study / "results.json").read_text())
    cli("study", "paper", "--out", study, "--data", f"npz:{digits_file}", "--epochs", "3", "--seeds", "2")
    assert {path: path.stat().st_mtime_ns for path in study.rglob("last.safetensors")} == before
    assert json.loads((study / "results.json").read_text())["vae"] == results["vae"]
    assert (
        json.loads((study / "results.json").read_text())["about"]["training_seconds"]
        == results["about"]["training_seconds"]
    )
    for other in (["--recipe", "fast"], ["--epochs", "2"], ["--epochs", "4"]):
        words = ["--out", study, "--data", f"npz:{digits_file}", *other]
        assert "other settings" in cli("study", "paper", *words, code=2).stderr


@pytest.mark.usefixtures("plain")
def test_the_fallback_is_reported_on_screen_and_in_the_report(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    blocked = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    words = ["--data", "auto", "--data-dir", "empty", "--epochs", "1", "--recipe", "fast", "--out", "out"]
    done = cli("study", "paper", *words, **blocked)
    assert "not MNIST but the digits set of scikit-learn" in done.stderr
    assert "not MNIST but the digits set of scikit-learn" in done.stdout
    assert "not MNIST but the digits set of scikit-learn" in (tmp_path / "out" / "report.html").read_text()
    assert "the study" not in done.stdout.split("report:")[0].split("Its numbers")[0]


def test_the_report_is_self_contained(study: Path) -> None:
    page = (study / "report.html").read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#|explorer\.html")', page)
    assert ('href="explorer.html"' in page) == (study / "explorer.html").is_file()
    assert not re.search(r"https?://", re.sub(r'xmlns(:\w+)?="[^"]*"', "", page))
    assert page.count("<figure") == page.count("<img ") == 13
    assert "prefers-color-scheme: dark" in page
    results = json.loads((study / "results.json").read_text())
    assert f"{results['vae']['total']:.2f}" in page
    assert results["about"]["command"] in re.sub("<[^>]+>", "", page)


def test_the_figures_are_not_empty(study: Path) -> None:
    for name in ("training-curves-vae", "training-curves-cvae"):
        with Image.open(study / "figures" / f"{name}.png") as image:
            assert image.width > 1000
            assert len(image.getcolors(1 << 20)) > 50


def test_training_curves_show_the_given_numbers() -> None:
    epoch = np.arange(1, 21)
    r, k, beta = 160 - epoch, 6 + np.sin(epoch), np.minimum(1, epoch / 10)
    figure = training_curves(epoch, r, k, beta, r + 1, k + 1, reconstruction_is="cross-entropy", title="VAE")
    panels = figure.axes
    assert [axes.get_ylabel() for axes in panels] == [
        "cross-entropy (nats)",
        "KL before beta (nats)",
        "reconstruction / KL",
        "beta",
    ]
    for axes, values in zip(panels, (r, k, r / k, beta), strict=True):
        np.testing.assert_allclose(axes.lines[0].get_ydata(), values)
    np.testing.assert_allclose(panels[0].lines[1].get_ydata(), r + 1)
    # The shaded area covers the epochs with beta below one.
    (shade,) = panels[0].patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (1, 10)
    constant = training_curves(epoch, r, k, np.ones(20))
    assert not constant.axes[0].patches


def test_nothing_in_a_figure_is_cut_off(study: Path, tmp_path: Path) -> None:
    """The outermost pixels of a figure are background, so nothing crosses the edge."""
    for path in (study / "figures").glob("*.png"):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"))
        edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert (edges == 255).all(), path.name


def test_image_grid_shows_the_images_in_their_places() -> None:
    images = np.random.default_rng(0).random((2, 3, 1, 4, 5))
    figure = image_grid(images, ["a", "b"], ["x", "y", "z"], "row", "column")
    sheet = figure.axes[0].images[0].get_array()
    assert sheet.shape == (8, 15)
    np.testing.assert_allclose(sheet[4:8, 10:15], images[1, 2, 0])
    colour = image_grid(np.zeros((1, 2, 3, 4, 5)))
    assert colour.axes[0].images[0].get_array().shape == (4, 10, 3)


def test_svg_is_well_formed_and_reproducible(tmp_path: Path) -> None:
    figure = image_grid(np.zeros((1, 1, 1, 4, 4)), title="a < b")
    ET.fromstring(to_svg(figure))
    assert to_svg(figure) == to_svg(figure)
    save_figure(figure, tmp_path / "deep" / "figure.pdf")
    assert (tmp_path / "deep" / "figure.pdf").read_bytes().startswith(b"%PDF")


def test_training_on_mnist_lowers_the_total(mnist: ImageData, tmp_path: Path) -> None:
    """One pass over 16,000 real digits lowers the total from about 540 nats per image to below 190."""
    from dataclasses import replace

    from vaelab import train

    rows = np.r_[0:16_000, 60_000:61_000]
    part = ImageData(
        "mnist",
        mnist.images[rows],
        mnist.labels[rows],
        mnist.classes,
        {"train": range(16_000), "test": range(16_000, 17_000)},
    )
    experiment = study_experiment("cvae", Recipe.fast, n_images=60_000, epochs=1)
    run = train(replace(experiment, training=replace(experiment.training, epochs=1)), tmp_path / "run", data=part)
    assert run.rows[-1]["test_total"] < 190


def test_the_families_study_measures_each_kind_of_model(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    """Three kinds of rows: grey pixels, a density with its bound, and a codebook with a prior fitted after training."""
    rows = ["vae", "vq-vae", "davidson-d2", "vq-vae-prior-after"]
    words = ["study", "families", "--data", f"npz:{digits_file}", "--epochs", "1", "--samples", "20", "--out", "out"]
    output = cli(*words, "--only", *rows).stdout
    results = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert list(results) == rows
    assert (tmp_path / "out" / "samples.png").stat().st_size > 10_000
    for name, row in results.items():
        assert row["total"] == pytest.approx(row["reconstruction"] + row["kl"]), name
        assert name in output

    grey, codebook, density, fitted = results.values()
    assert grey["reconstruction_is"] == "cross-entropy"
    assert not {"log_p", "bits_per_dimension"} & grey.keys()
    assert "(cross-entropy)" in output
    # The log-likelihood is negative here and not below the ELBO.
    assert -density["total"] - 1 < density["log_p"] < 0
    assert density["samples"] == 20
    assert density["bits_per_dimension"] == pytest.approx(density["total"] / (784 * np.log(2)))
    assert codebook["kl"] == pytest.approx(49 * np.log(128), rel=1e-5)
    assert 1 <= codebook["perplexity"] <= 128
    assert fitted["kl"] < codebook["kl"]
    assert fitted["reconstruction"] == pytest.approx(codebook["reconstruction"], rel=1e-3)

    # Existing rows are not trained or measured again, and new rows are added.
    before = {name: (tmp_path / "out" / name / "measured.json").stat().st_mtime_ns for name in rows}
    cli(*words, "--only", *rows)
    assert before == {name: (tmp_path / "out" / name / "measured.json").stat().st_mtime_ns for name in rows}


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_two_processes_share_the_runs_and_stop_together(ending: signal.Signals, tmp_path: Path) -> None:
    """Both are at a run at the same time; what ends the first ends both, and what the other did is kept."""
    words = ["study", "paper", "--data", "auto", "--processes", "2", "--out", str(tmp_path / "out"), "--epochs", "2000"]
    # Without MNIST, both train on digits, and one says so.
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "VAELAB_DATA": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "vaelab", *words],
        env=os.environ | nowhere,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    runs = [RunFolder(tmp_path / "out" / name) for name in ("vae-seed0", "cvae-seed0")]
    deadline = time.monotonic() + 300
    while not all(run.checkpoint.exists() for run in runs) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(ending)
    # Its errors end with the last process that writes them.
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == (130 if ending == signal.SIGINT else -signal.SIGKILL), complaint
    assert "Traceback" not in complaint
    assert complaint.count("This is not MNIST") == 1
    ends = [run.events()[-1]["event"] for run in runs]
    assert ends.count("interrupted") == (2 if ending == signal.SIGINT else 1)
    # Nobody is at a run any more.
    for run in runs:
        with claimed(run.path) as free:
            assert free


def test_processes_below_one_are_refused(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    refused = cli("study", "paper", "--data", f"npz:{digits_file}", "--processes", "0", "--out", tmp_path, code=2)
    assert "--processes is 0, but must be >= 1" in refused.stderr
