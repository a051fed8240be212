"""The report as readers see it: opened from disk in a real browser, on a screen, a phone and paper."""

from __future__ import annotations

import io
import itertools
import json
import re
import shlex
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vaelab import UserError, train
from vaelab.codec import encode
from vaelab.data import Digits, ImageData, Npz
from vaelab.evaluation.budget import Budget
from vaelab.evaluation.evaluate import measure_parts
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Evaluation, read_evaluation
from vaelab.experiment import Experiment, Record
from vaelab.figures import DrawnFigure, chosen, draw
from vaelab.figures.source import FigureSource
from vaelab.measured import MeasuredModel
from vaelab.models.files import load
from vaelab.objectives import Elbo
from vaelab.presets import PRESETS
from vaelab.report import (
    CheckOutcome,
    ClaimOutcome,
    Claims,
    Fact,
    Facts,
    Measure,
    Table,
    collect,
    formula,
    read_claims,
    write_report,
    write_run_report,
)
from vaelab.report.derivation import STEPS, SYMBOLS
from vaelab.report.evaluation import Measured, MeasuredPart
from vaelab.report.numbers import numbers_of
from vaelab.report.runs import Group, Trained, read_folders
from vaelab.report.verdict import ActiveUnits, Verdict, verdict_of
from vaelab.schedules import Constant, Linear
from vaelab.training.folder import RunFolder

from .browser import broken_images, contrasts, opened, overflow

FEW = ("training-curves", "latent-scatter", "samples", "class-samples")

CLAIMS = Claims(
    about={"data": "digits", "seeds": [0, 1], "command": "vaelab study claims --data digits --out runs/claims"},
    claims=(
        ClaimOutcome(
            "cluster",
            "The latent space clusters by class",
            "reproduced",
            (
                CheckOutcome(
                    "accuracy of neighbours",
                    (0.81, 0.85),
                    0.83,
                    (0.576, 1.084),
                    at_least=0.55,
                    why="halfway from chance to one",
                    verdict="reproduced",
                ),
            ),
            (Measure("accuracy on pixels", (0.96, 0.98), 0.97, (0.84, 1.1)),),
            "Fours and nines overlap.",
        ),
        ClaimOutcome(
            "axes",
            "Each axis carries one property",
            "not reproduced",
            (CheckOutcome("rank correlation", (0.2, 0.3), 0.25, (0.1, 0.4), "", 0.5, verdict="not reproduced"),),
        ),
        ClaimOutcome(
            "kl",
            "The CVAE's code holds less",
            "undecided",
            (CheckOutcome("difference of KL", (-1.4,), -1.4, None, "nats", at_most=-0.5, verdict="undecided"),),
        ),
    ),
    left_out=("mnist-alone",),
)


@pytest.fixture(scope="module")
def folder(digits_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study: a VAE with two seeds, a CVAE with one, and claims."""
    out = tmp_path_factory.mktemp("study")
    for name, seed in (("vae", 0), ("vae", 1), ("cvae", 0)):
        experiment = replace(PRESETS[name][1], data=Npz(str(digits_file)))
        settings = replace(experiment.training, epochs=2, seed=seed, device="cpu")
        train(replace(experiment, training=settings), out / f"{name}-seed{seed}")
    (out / "claims.json").write_text(json.dumps(encode(CLAIMS)))
    return out


@pytest.fixture(scope="module", autouse=True)
def _few_figures() -> Iterator[None]:
    """Draw only a few of the figures; test_figures.py draws all of them."""

    def draw_few(source: FigureSource) -> list[DrawnFigure]:
        return list(draw(source, [entry.name for entry in chosen(source) if entry.name in FEW]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "draw", draw_few)
        yield


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "report.html"
    write_run_report([folder], out, command="vaelab report study --out report.html")
    return out


@pytest.fixture(scope="module")
def evaluated(folder: Path, digits: ImageData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study with two parts of an evaluation of its first VAE and its CVAE, on a small budget."""
    study = tmp_path_factory.mktemp("evaluated") / "study"
    shutil.copytree(folder, study)
    for name in ("vae-seed0", "cvae-seed0"):
        model = load(study / name)
        measurement = Measurement(
            MeasuredModel(model, digits, title=name), Budget(n_images=40, n_costly=2, n_samples=5)
        )
        evaluation = measure_parts(measurement, ("elbo", "representation"), f"vaelab evaluate runs/{name} --images 40")
        with pytest.raises(UserError) as grey:
            measure_parts(measurement, ["evidence"])
        replace(evaluation, left_out={"evidence": str(grey.value)}).write(study / name / "evaluation.json")
    return study


@pytest.fixture(scope="module")
def evaluated_page(evaluated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "evaluated.html"
    write_run_report([evaluated], out, draw=lambda run: [])
    return out


def parts(table: Table) -> dict[str, dict[str, tuple[str, ...]]]:
    """The cells of a table by heading and quantity."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in table.rows:
        if len(row) == 1:
            found[row[0]] = {}
        else:
            found[list(found)[-1]][row[0]] = row[1:]
    return found


def a_run(experiment: Experiment, *totals: tuple[float, float], epochs: int = 30) -> Trained:
    """A run with the given totals, without files."""
    record = Record(experiment, Digits().load().format, "cross-entropy", "0" * 64)
    names = ("reconstruction", "kl")
    rows = [
        {"epoch": float(epochs)}
        | {
            f"{split}_{name}": value
            for split in ("train_running", "test")
            for name, value in zip(names, pair, strict=True)
        }
        | {f"{split}_total": sum(pair) for split in ("train_running", "test")}
        for pair in totals
    ]
    return Trained(RunFolder(Path("nowhere")), record, rows)


# The content of the page.


def test_runs_that_differ_by_their_seed_share_a_column(folder: Path) -> None:
    groups = read_folders([folder]).groups
    assert [(group.name, group.seeds) for group in groups] == [("vae", [0, 1]), ("cvae", [0])]
    table = numbers_of(groups)
    assert table.columns == ("nats per image", "vae", "cvae", "difference")
    last = [RunFolder(folder / f"vae-seed{seed}").rows()[-1] for seed in (0, 1)]
    other = RunFolder(folder / "cvae-seed0").rows()[-1]
    for split, words in (("train_running", "Training images, last epoch"), ("test", "Test images")):
        for quantity, name in (("reconstruction", "reconstruction"), ("kl", "KL"), ("total", "total")):
            values = [row[f"{split}_{quantity}"] for row in last]
            own, cvae, change = parts(table)[words][name]
            assert own == f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"
            assert cvae == f"{other[f'{split}_{quantity}']:.2f}"
            expected = other[f"{split}_{quantity}"] - np.mean(values)
            share = 100 * expected / np.mean(values)
            assert change == f"{expected:+.2f} ({share:+.1f} %)".replace("-", "−")


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({}, ("140.00", "138.00", "+2.00 (+1.4 %)")),
        ({"objective": Elbo(beta=Constant(1.0))}, ("140.00", "138.00", "+2.00 (+1.4 %)")),
        ({"objective": Elbo(beta=Constant(4.0))}, ("140.00",)),
        ({"objective": Elbo(beta=Linear(stop=0.5))}, ("140.00",)),
        ({"data": Digits()}, ("140.00",)),
        ({"model": replace(PRESETS["vae"][1].model, latent=3)}, ("140.00",)),
    ],
)
def test_published_numbers_are_shown_only_with_their_own_model(change: dict[str, Any], row: tuple[str, ...]) -> None:
    run = a_run(replace(PRESETS["vae"][1], **change), (140.0, 6.0))
    table = numbers_of([Group("mine", (run,))])
    assert parts(table)["Training images, last epoch"]["reconstruction"] == row
    assert ("published" in table.columns) == (len(row) > 1)
    # The heading of the page has the name of a single run.
    assert "mine" not in str(table)


def test_published_numbers_of_two_runs_are_shown_once() -> None:
    pair = [Group(name, (a_run(PRESETS[name][1], (140.0, 6.0)),)) for name in ("vae", "cvae")]
    published = parts(numbers_of(pair))["Published, training images"]
    assert published["total"] == ("144.59", "129.16", "−15.43 (−10.7 %)")
    assert str(numbers_of(pair)).count("144.59") == 1
    other = Group("other", (a_run(replace(PRESETS["vae"][1], data=Digits()), (140.0, 6.0)),))
    assert parts(numbers_of([pair[0], other]))["Published, training images"]["total"] == ("144.59", "", "")


def test_runs_on_other_images_have_no_difference() -> None:
    plain = a_run(PRESETS["vae"][1], (140.0, 6.0))
    other = replace(plain, record=replace(plain.record, data_sha256="1" * 64))
    groups = [Group("a", (plain,)), Group("b", (other,))]
    assert numbers_of(groups).columns == ("nats per image", "a", "b")
    assert verdict_of(groups).lead.startswith("The totals cannot be compared")


def test_quantities_that_some_models_have_are_empty_for_the_others() -> None:
    plain, vq_vae = a_run(PRESETS["vae"][1], (140.0, 6.0)), a_run(PRESETS["vq-vae"][1], (60.0, 200.0))
    vq_vae.rows[-1]["test_code_perplexity"] = 91.5
    table = numbers_of([Group("a", (plain,)), Group("b", (vq_vae,))])
    assert parts(table)["Test images"]["perplexity of the codes"] == ("", "91.50")
    assert {len(row) for row in table.rows} == {1, len(table.columns)}


def several_epochs(*totals: float, kl: float = 6.0, beta: float = 1.0, preset: str = "vae") -> Trained:
    """A run with these totals on test images, one per epoch."""
    run = a_run(PRESETS[preset][1], *((total - kl, kl) for total in totals))
    for epoch, row in enumerate(run.rows, 1):
        row |= {"epoch": float(epoch), "beta": beta}
    return run


def test_the_verdict_says_whether_the_total_still_fell() -> None:
    def says(*totals: float) -> str:
        return " ".join(verdict_of([Group("a", (several_epochs(*totals),))]).sentences)

    assert "still fell in the last epoch, by 3.00 nats on test images" in says(150, 147)
    assert "changed by less than 0.1 % in the last epoch" in says(150, 147, 146.95)
    assert "2.00 nats above its lowest value, of epoch 2, on test images" in says(150, 145, 147)
    # One epoch says nothing about the next.
    assert says(150) == ""


def test_the_verdict_names_what_the_runs_differ_by() -> None:
    vae, cvae = several_epochs(150, 150), several_epochs(130, 130, kl=5.0, preset="cvae")
    verdict = verdict_of([Group("vae", (vae,)), Group("cvae", (cvae,))])
    assert verdict.lead == (
        "The total of cvae on test images is 20.00 nats per image below that of vae: 130.00 against 150.00, 13.3 % "
        "less."
    )
    text = " ".join(verdict.sentences)
    assert "The difference is −19.00 nats of cross-entropy and −1.00 nats of KL." in text
    assert "With one seed each, the difference has no interval." in text
    assert "cvae is given the label of each image, the other is not" in text
    two = Group("vae", (vae, several_epochs(151, 151)))
    assert "no interval" not in " ".join(verdict_of([two, Group("cvae", (cvae,))]).sentences)
    early = verdict_of([Group("vae", (several_epochs(150, 150, beta=0.2),))])
    assert "ended at β = 0.2 of 1" in " ".join(early.sentences)


def test_a_collapse_stands_first() -> None:
    collapsed, healthy = Group("a", (several_epochs(150, kl=0.02),)), Group("b", (several_epochs(150),))
    (sentence,) = verdict_of([collapsed]).collapse
    assert sentence.startswith("Full collapse. The KL on test images is 0.02 nats")
    assert verdict_of([healthy]).collapse == ()
    (sentence,) = verdict_of([healthy, collapsed]).collapse
    assert sentence.startswith("a: full collapse.")
    (sentence,) = verdict_of([healthy], {"b": ActiveUnits(3, 8, 0.01)}).collapse
    assert sentence.startswith("Partial collapse. 3 of 8 latent dimensions are active")
    active = verdict_of([healthy], {"b": ActiveUnits(8, 8, 0.01)})
    assert active.collapse == ()
    assert "8 of 8 latent dimensions are active" in active.sentences[-1]
    # The evaluation knows more, so its diagnosis takes the place of the others.
    part = MeasuredPart("elbo", "", (), ("Far from the prior: 2 of 8 dimensions are active.",), ())
    assert verdict_of([healthy], {"b": ActiveUnits(3, 8, 0.01)}, Measured((part,))).collapse == part.findings


def test_unfinished_runs_and_copies_do_not_affect_the_spread(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "study")
    short = tmp_path / "study" / "vae-seed1" / "metrics.csv"
    short.write_text("\n".join(short.read_text().splitlines()[:2]) + "\n")
    shutil.copytree(folder / "vae-seed0", tmp_path / "study" / "copy")
    (tmp_path / "study" / "begun").mkdir()
    shutil.copy(folder / "vae-seed0" / "experiment.json", tmp_path / "study" / "begun")
    contents = read_folders([tmp_path / "study", tmp_path / "study" / "vae-seed0"])
    named = {group.name: group.seeds for group in contents.groups}
    assert named == {"vae": [0], "copy": [0], "vae (1 of 2 epochs)": [1], "cvae": [0]}
    assert any("begun has not completed an epoch" in notice for notice in contents.notices)


def test_groups_with_the_same_name_are_distinguished(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "vae-seed0"
    shutil.copytree(folder / "cvae-seed0", other)
    names = [group.name for group in read_folders([folder / "vae-seed0", other]).groups]
    assert names == [f"vae ({folder / 'vae-seed0'})", f"vae ({other})"]


def test_the_command_on_the_page_reproduces_the_weights(folder: Path, tmp_path: Path) -> None:
    from vaelab.cli import main

    shutil.copytree(folder / "vae-seed1", tmp_path / "vae")
    (command,) = read_folders([tmp_path / "vae"]).commands
    assert main([*shlex.split(command)[1:], "--quiet"]) == 0
    again = tmp_path / "vae-again" / "last.safetensors"
    assert again.read_bytes() == (tmp_path / "vae" / "last.safetensors").read_bytes()


def test_the_command_of_a_study_replaces_those_of_its_runs(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "cvae-seed0", tmp_path / "alone")
    commands = read_folders([folder, tmp_path / "alone"]).commands
    assert commands[0] == CLAIMS.about["command"]
    assert len(commands) == 2
    assert "alone/experiment.json" in commands[1]


def test_an_evaluation_of_other_weights_is_left_out_with_a_notice(evaluated: Path, tmp_path: Path) -> None:
    """For example after resuming the run: the page is written with a notice and without the old numbers."""
    run = tmp_path / "vae-seed0"
    shutil.copytree(evaluated / "vae-seed0", run)
    own = read_evaluation(run / "evaluation.json")
    write_run_report([run], tmp_path / "own.html", draw=lambda run: [])
    assert "Measured: elbo" in (tmp_path / "own.html").read_text()
    shutil.copy(evaluated / "cvae-seed0" / "evaluation.json", run)
    write_run_report([run], tmp_path / "older.html", draw=lambda run: [])
    text = (tmp_path / "older.html").read_text()
    assert 'role="note">The evaluation of vae is older than its weights and is left out; measure it again with ' in text
    assert f"vaelab evaluate {run}" in text
    assert "Measured" not in text
    assert own.sections[0].findings[0] not in text
    # An unreadable evaluation is an error that names the file.
    (run / "evaluation.json").write_text("{")
    with pytest.raises(UserError, match=r"evaluation\.json cannot be read as JSON"):
        write_run_report([run], tmp_path / "broken.html", draw=lambda run: [])


def test_a_single_evaluation_does_not_repeat_the_name_of_the_run(evaluated: Path, tmp_path: Path) -> None:
    write_run_report([evaluated / "cvae-seed0"], tmp_path / "page.html", draw=lambda run: [])
    text = (tmp_path / "page.html").read_text()
    assert '<th scope="row">rate<span' in text
    assert "rate, cvae" not in text
    assert "last measured by vaelab evaluate runs/cvae-seed0 --images 40, on " in text


def test_the_table_of_a_study_is_shown(tmp_path: Path, folder: Path) -> None:
    table = Table("Ready", ("nats", "total"), (("VAE", "1.00 ± 0.25"),), "As it was measured.")
    results = {"table": encode(table), "about": {"notice": "These are not MNIST.", "command": "vaelab study paper"}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    contents = read_folders([tmp_path])
    assert (contents.tables, contents.notices, contents.commands) == (
        (table,),
        ("These are not MNIST.",),
        ("vaelab study paper",),
    )
    write_run_report([tmp_path], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "As it was measured." in text
    assert "These are not MNIST." in text


@pytest.mark.parametrize("gone", [True, False])
def test_missing_images_are_reported_on_the_page(
    gone: bool, folder: Path, digits: ImageData, digits_file: Path, tmp_path: Path
) -> None:
    """The page is written without the figures that show real images, and says so."""
    own = tmp_path / "own.npz"
    shutil.copytree(folder / "vae-seed0", tmp_path / "run")
    record = tmp_path / "run" / "experiment.json"
    record.write_text(record.read_text().replace(str(digits_file), str(own)))
    if not gone:
        np.savez(own, images=digits.images[:50, 0], labels=digits.labels[:50])
    write_run_report([tmp_path / "run"], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert 'role="note">The figures of run show no real images' in text
    assert ("own.npz" if gone else "not the ones it was trained on") in text
    assert "Training curves of run" in text
    assert "Posterior means" not in text


def test_the_page_describes_the_runs(page: Path, folder: Path) -> None:
    text = page.read_text()
    record = json.loads((folder / "vae-seed0" / "experiment.json").read_text())
    started_ = RunFolder(folder / "vae-seed0").events()[0]
    facts = (
        record["data_sha256"],
        record["vaelab"],
        started_["machine"],
        "vaelab report study --out report.html",
        "UTC",
    )
    for fact in (*facts, "VAE(latent=2, conditional=True", "Elbo(beta=Linear(epochs=10"):
        assert fact in text, fact
    settings = re.search(r"<pre>(.*?)</pre>", text, re.S)
    assert settings is not None
    assert json.loads(settings[1].replace("&#34;", '"')) == record["experiment"]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        ({}, "holds no run and no study"),
        ({"claims.json": "{"}, "cannot be read as JSON"),
        ({"claims.json": '{"claims": [{"name": "a", "says": "b", "verdict": "maybe", "checks": []}]}'}, "verdict"),
        ({"claims.json": '{"claims": [], "format": 99}'}, "format 99"),
        ({"results.json": '{"table": {"caption": "a"}}'}, "table: columns"),
        ({"begun/experiment.json": json.dumps(encode(a_run(PRESETS["vae"][1], (1.0, 1.0)).record))}, "has completed"),
    ],
)
def test_a_folder_that_cannot_be_reported_is_named(write: dict[str, str], message: str, tmp_path: Path) -> None:
    for name, text in write.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read_folders([tmp_path])
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_list_of_folders_is_refused() -> None:
    with pytest.raises(UserError, match="no folder"):
        read_folders([])


def test_claims_survive_json(folder: Path) -> None:
    assert read_claims(folder / "claims.json") == CLAIMS


def test_checks_state_what_would_refute_them() -> None:
    check = CheckOutcome("x", (1.0,), 1.0, unit="nats")
    assert replace(check, at_least=1.5).refuted == "below 1.5 nats"
    assert replace(check, at_least=0.0, at_most=1234567.0).refuted == "below 0 nats or above 1,234,567 nats"
    assert check.spread == "one seed, no interval"
    assert replace(check, values=(1.0, 2.0), interval=(-0.5, 2.5)).spread == "-0.5 to 2.5"


# Formulas.


def outline(svg: str) -> np.ndarray:
    """The points of a formula in ems, with y upwards."""
    path = ET.fromstring(svg)[0].attrib["d"]
    return np.array(re.findall(r"-?\d+\.\d+", path), float).reshape(-1, 2) * [1, -1] / 100


def test_letters_are_on_the_baseline() -> None:
    x, p, b = (outline(formula(letter, letter)) for letter in "xpb")
    assert abs(x[:, 1].min()) < 0.03
    assert p[:, 1].min() < -0.15
    assert b[:, 1].max() > x[:, 1].max() + 0.15
    for letter in "xp":
        lowered = float(re.search(r"vertical-align:(-?[\d.]+)em", formula(letter, letter))[1])
        assert lowered == pytest.approx(outline(formula(letter, letter))[:, 1].min(), abs=0.05)


def test_a_fraction_is_drawn_as_one() -> None:
    """The numerator is above the bar, the denominator below, and the bar is as wide as the wider of them."""
    points = outline(formula(r"\frac{x}{y}", "x over y"))
    assert points[:, 1].max() > 0.6
    assert points[:, 1].min() < -0.15
    plain = outline(formula("x", "x"))
    assert np.ptp(points[:, 0]) < 2 * np.ptp(plain[:, 0]) < np.ptp(outline(formula("x/y", "x over y"))[:, 0]) * 1.5


def test_a_drawing_has_its_stated_width() -> None:
    for text in ("x", r"\log p_\theta(x|z)", r"\sum_{i=1}^{L} \mu_i^2"):
        svg = formula(text, "a < b")
        root = ET.fromstring(svg)
        left, top, width, height = map(float, root.attrib["viewBox"].split())
        points = outline(svg) * 100 * [1, -1]
        assert (points.min(0) > (left, top)).all()
        assert (points.max(0) < (left + width, top + height)).all()
        assert f"width:{width / 100:.3f}em" in root.attrib["style"]
        assert root.attrib["aria-label"] == "a < b"


def test_a_formula_that_cannot_be_typeset_is_named() -> None:
    with pytest.raises(UserError, match=r"tex is '\\\\frac\{a'") as caught:
        formula(r"\frac{a", "")
    assert "\n" not in str(caught.value)


def test_every_formula_can_be_read_aloud() -> None:
    formulas = [symbol for symbol, _ in SYMBOLS] + [one for step in STEPS for one in step.formulas]
    assert len({one.tex for one in formulas}) == len(formulas)
    for one in formulas:
        assert re.fullmatch(r"[A-Za-z1 ,]+", one.spoken)
    assert 6 <= len(STEPS) <= 8


# The page in a browser.


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_opens_from_disk(browser: Any, page: Path, width: int, scheme: str) -> None:
    with opened(browser, page, width, scheme) as (tab, complaints):
        assert complaints == []
        assert tab.locator("img").count() == 7
        assert broken_images(tab) == []
        assert overflow(tab) <= 0
        # Text meets level AA of WCAG 2 in either colour scheme.
        lowest, text = contrasts(tab, "body *:not(svg):not(svg *)")[0]
        assert lowest >= 4.5, text
        background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
        # Figures have the background of the page, and ink that is visible on it.
        for image in tab.locator("img").all()[:3]:
            shot = np.asarray(Image.open(io.BytesIO(image.screenshot())).convert("RGB")).astype(int)
            paper = {"light": (255, 255, 255), "dark": (20, 23, 27)}[scheme]
            assert np.abs(shot[2, 2] - paper).max() <= 2
            assert np.abs(shot - paper).sum(-1).max() > 500
            assert (np.abs(shot - paper).max(-1) <= 12).mean() > 0.25
        # Formulas are visible, in the colour of the text, and within the window.
        drawn = contrasts(tab, ".formula path")
        assert len(drawn) == len(SYMBOLS) + sum(len(step.formulas) for step in STEPS)
        assert drawn[0][0] >= 7
        for box in tab.locator(".formulas .formula").all():
            place = box.bounding_box()
            assert place["width"] > 40
            assert place["height"] > 14
            assert place["x"] + place["width"] <= width


def test_the_verdict_and_one_figure_stand_first(browser: Any, page: Path, folder: Path, tmp_path: Path) -> None:
    with opened(browser, page) as (tab, _):
        assert tab.locator(".lead").inner_text() == "Of 3 claims, 1 reproduced, 1 not reproduced and 1 undecided."
        tops = [tab.locator(at).first.bounding_box()["y"] for at in ("h1", ".lead", "#figure-1", "nav", "#results")]
        assert tops == sorted(tops)
        assert tab.locator("#figure-1 h2").inner_text() == "Posterior means"
    # A single run has its figure beside the words, both columns of figures in use, and its name once.
    write_run_report([folder / "cvae-seed0"], tmp_path / "one.html")
    for width in (1440, 2560):
        with opened(browser, tmp_path / "one.html", width) as (tab, _):
            words, hero = (tab.locator(at).bounding_box() for at in ("header > div", "header img"))
            assert hero["x"] > words["x"] + words["width"]
            assert hero["y"] < words["y"] + 100
            body = tab.locator("main").bounding_box()
            edges = [box.bounding_box() for box in tab.locator("#figures img").all()]
            assert max(box["x"] + box["width"] for box in edges) > 0.97 * (body["x"] + body["width"])
            shown = tab.locator("body").inner_text().replace("cvae-seed0", "")
            assert shown.count("cvae") == 1
            assert "explorer" not in shown
    # A collapse stands before everything but the heading.
    (tmp_path / "explorer.html").write_text("<!doctype html><title>explorer</title>")
    shutil.copytree(folder / "vae-seed0", tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.csv"
    rows = [line.split(",") for line in metrics.read_text().splitlines()]
    rows[-1][rows[0].index("test_kl")] = "0.01"
    metrics.write_text("\n".join(map(",".join, rows)) + "\n")
    write_run_report([tmp_path / "run"], tmp_path / "two.html", draw=lambda run: [])
    with opened(browser, tmp_path / "two.html", 390) as (tab, _):
        tops = [tab.locator(at).first.bounding_box()["y"] for at in ("h1", ".collapse", ".lead", "nav")]
        assert tops == sorted(tops)
        assert "Full collapse" in tab.locator(".collapse").inner_text()
        # The explorer is linked where it lies beside the page.
        tab.locator("a", has_text="explorer").click()
        tab.wait_for_url("**/explorer.html")


def test_runs_are_side_by_side_or_stacked(browser: Any, page: Path) -> None:
    for width, side_by_side in ((1440, True), (390, False)):
        with opened(browser, page, width) as (tab, _):
            first, second = [figure.bounding_box() for figure in tab.locator("#figure-1 figure").all()]
            assert (first["y"] == second["y"]) == side_by_side
            assert tab.locator("#figure-1 .of").all_inner_texts() == ["vae", "cvae"]


def test_the_page_is_accessible(browser: Any, page: Path) -> None:
    """For screen readers and navigation: heading levels in order, named tables and images, valid links."""
    with opened(browser, page) as (tab, _):
        levels = [int(name[1]) for name in tab.locator("h1, h2, h3, h4").evaluate_all("all => all.map(h => h.tagName)")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        assert all(tab.locator("table").evaluate_all("all => all.map(t => t.caption?.innerText.length > 0)"))
        assert all(tab.locator("th").evaluate_all("all => all.map(t => t.scope)"))
        alts = tab.locator("img").evaluate_all("all => all.map(i => i.alt)")
        assert "Training curves of vae, seed 0" in alts
        assert len(set(alts)) == len(alts)
        targets = tab.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        assert len(targets) > 8
        assert all(target.startswith("#") and tab.locator(target).count() == 1 for target in targets)


@pytest.mark.parametrize("width", [390, 1440])
def test_claims_are_shown_with_what_would_refute_them(browser: Any, page: Path, width: int) -> None:
    with opened(browser, page, width) as (tab, _):
        text = tab.locator("#claims").inner_text()
        verdicts = tab.locator(".verdicts td").all_inner_texts()
        assert [verdict.strip() for verdict in verdicts] == ["reproduced", "not reproduced", "undecided"]
        details = (
            "0.83",
            "0.81, 0.85",
            "0.576 to 1.084",
            "below 0.55",
            "halfway from chance to one",
            "accuracy on pixels",
        )
        for words in (*details, "Fours and nines overlap.", "one seed, no interval", "above -0.5 nats", "mnist-alone"):
            assert words in text, words
        # Verdicts differ by symbol as well as by word and colour.
        signs = tab.locator(".verdicts .verdict path").evaluate_all("all => all.map(p => p.getAttribute('d'))")
        assert len(set(signs)) == 3
        # On a phone each cell has a label.
        label = tab.locator(".checks td").first.evaluate("cell => getComputedStyle(cell, '::before').content")
        assert (label == '"measured"') == (width == 390)


@pytest.mark.parametrize("width", [390, 1440])
def test_evaluations_of_runs_are_side_by_side(browser: Any, evaluated: Path, evaluated_page: Path, width: int) -> None:
    names = {"vae, seed 0": "vae-seed0", "cvae": "cvae-seed0"}
    evaluations: dict[str, Evaluation] = {
        name: read_evaluation(evaluated / folder / "evaluation.json") for name, folder in names.items()
    }
    with opened(browser, evaluated_page, width) as (tab, complaints):
        assert complaints == []
        assert overflow(tab) <= 0
        headings = tab.locator("#measured h3").all_inner_texts()
        assert headings == ["Measured: elbo", "Measured: representation", "Not measured"]
        tables = tab.locator("#measured table").all()
        for place, table in enumerate(tables):
            # One row per quantity and run, runs of a quantity in successive rows, with all measured values.
            rows = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
            sections = {name: evaluation.sections[place] for name, evaluation in evaluations.items()}
            wanted = {
                f"{number.name}, {name}": (number.how, *number.cells[1:])
                for name, section in sections.items()
                for number in section.numbers
            }
            assert len(rows) == len(wanted) >= 8
            for head, *rest in rows:
                quantity, _, how = head.partition("\n")
                assert (how.strip(), *rest) == wanted[quantity]
            firsts = [head.partition("\n")[0] for head, *_ in rows]
            assert [first.rpartition(", ")[2] for first in firsts[:2]] == ["seed 0", "cvae"]
            assert firsts[0].removesuffix(", vae, seed 0") == firsts[1].removesuffix(", cvae")
            # The last column can be scrolled into view within its box.
            table.locator("td").last.scroll_into_view_if_needed()
            place_of = table.locator("td").last.bounding_box()
            assert place_of["x"] + place_of["width"] <= width
        text = tab.locator("#measured").inner_text()
        for name, evaluation in evaluations.items():
            for section in evaluation.sections:
                for finding in section.findings:
                    assert f"{name}: {finding}" in text
            assert f"{name}: evidence was not measured: x has grey pixels" in text
            assert f"{name}: last measured by {evaluation.command}, on {evaluation.machine}" in text
        assert "test codes 40" in text
        lowest, words = contrasts(tab, "#measured *")[0]
        assert lowest >= 4.5, words
        levels = [int(name[1]) for name in tab.locator("h1, h2, h3, h4").evaluate_all("all => all.map(h => h.tagName)")]
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        assert all(tab.locator("table").evaluate_all("all => all.map(t => t.caption?.innerText.length > 0)"))
        assert tab.locator('nav a[href="#measured"]').count() == 1


def test_the_page_prints_well(browser: Any, page: Path) -> None:
    import pypdfium2

    # Printing from the dark scheme gives white paper.
    with opened(browser, page, 1440, "dark") as (tab, _):
        document = pypdfium2.PdfDocument(io.BytesIO(tab.pdf(format="A4")))
        tab.emulate_media(media="print")
        tab.set_viewport_size({"width": 680, "height": 1000})
        edges = tab.locator(".verdict, .numbers, img").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect().right)"
        )
        assert max(edges) <= 680
    assert len(document) > 2
    pages = [sheet.get_textpage().get_text_range() for sheet in document]
    text = " ".join(" ".join(pages).split())
    for words in (
        "Claims tested on npz",
        "not reproduced",
        "halfway from chance to one",
        "Commands to reproduce the results",
        "± ",
    ):
        assert words in text, words
    # Only the heading, without a table of contents.
    assert text.count("Derivation of the loss") == 1
    for sheet in document:
        image = np.asarray(sheet.render(scale=0.5).to_pil().convert("L"))
        assert image[0, 0] == 255
        assert image.mean() > 128


def test_a_page_without_runs_has_no_empty_sections(browser: Any, tmp_path: Path) -> None:
    facts = [Facts("", (Fact("data", "a < b & c"),))]
    table = Table("Numbers", ("nats", "total"), (("<script>alert(1)</script>", "1"),))
    write_report(tmp_path / "page.html", "<b>title</b>", Verdict("<i>lead</i>"), [], [table], facts, [])
    with opened(browser, tmp_path / "page.html") as (tab, complaints):
        assert complaints == []
        assert tab.locator("h1").inner_text() == "<b>title</b>"
        assert tab.locator(".lead").inner_text() == "<i>lead</i>"
        assert tab.locator("#results tbody th").inner_text() == "<script>alert(1)</script>"
        assert "a < b & c" in tab.locator("#run").inner_text()
        headings = tab.locator("h2").all_inner_texts()
        assert headings == ["Results", "Derivation of the loss", "Run details"]
        assert all(tab.locator(target).count() for target in tab.locator("a").evaluate_all("a => a.map(x => x.hash)"))


def test_the_page_blocks_external_content(browser: Any, page: Path, tmp_path: Path) -> None:
    """Its content security policy makes the browser ignore injected scripts and remote images."""
    changed = tmp_path / "changed.html"
    intruder = '<img src="http://127.0.0.1:9/x.png" alt="far"><script>document.title = "taken"</script>'
    changed.write_text(page.read_text().replace("<main>", f"<main>{intruder}"))
    with opened(browser, changed) as (tab, complaints):
        assert broken_images(tab) == ["far"]
        assert tab.title() != "taken"
        assert len(complaints) >= 2


def test_a_wide_table_scrolls_in_its_own_box(browser: Any, tmp_path: Path) -> None:
    table = Table("Wide", ("name", *(f"measurement{index}" for index in range(12))), (("row", *("1,234.56",) * 12),))
    write_report(tmp_path / "page.html", "title", Verdict(), [], [table], [], [])
    with opened(browser, tmp_path / "page.html", 390) as (tab, _):
        assert overflow(tab) <= 0
        assert tab.locator(".scroll").evaluate("box => box.scrollWidth > box.clientWidth")
        tab.locator(".numbers td").last.scroll_into_view_if_needed()
        place = tab.locator(".numbers td").last.bounding_box()
        assert place["x"] + place["width"] <= 390
