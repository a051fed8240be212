"""The report as its reader has it: opened from disk in a real browser, on a screen, a phone and paper."""

from __future__ import annotations

import io
import itertools
import json
import re
import shlex
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaelab import UserError, train
from vaelab.codec import encode
from vaelab.data import Digits, ImageData, Npz
from vaelab.evaluation.budget import Budget
from vaelab.evaluation.evaluate import measure_parts
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Evaluation, read_evaluation
from vaelab.experiment import Experiment, Record
from vaelab.figures import DrawnFigure, chosen, draw_figures
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
from vaelab.report.numbers import numbers_of
from vaelab.report.runs import Group, Trained, read_folders
from vaelab.schedules import Constant, Linear
from vaelab.training.folder import RunFolder

from .browser import broken_images, contrasts, opened, overflow, started

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
    """A study's folder: the VAE with two seeds, the CVAE with one, and claims."""
    out = tmp_path_factory.mktemp("study")
    for name, seed in (("vae", 0), ("vae", 1), ("cvae", 0)):
        experiment = replace(PRESETS[name][1], data=Npz(str(digits_file)))
        settings = replace(experiment.training, epochs=2, seed=seed, device="cpu")
        train(replace(experiment, training=settings), out / f"{name}-seed{seed}")
    (out / "claims.json").write_text(json.dumps(encode(CLAIMS)))
    return out


@pytest.fixture(scope="module", autouse=True)
def _few_figures() -> Iterator[None]:
    """Some of the gallery, drawn as always; that all of it can be drawn is tested elsewhere."""

    def some(run: Any, data: ImageData | None, only: Sequence[str] = ()) -> list[DrawnFigure]:
        return draw_figures(
            run, data, [entry.name for entry in chosen(FigureSource.of_run(run, data)) if entry.name in FEW]
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "draw_figures", some)
        yield


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "report.html"
    write_run_report([folder], out, command="vaelab report study --out report.html")
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as one:
        yield one


@pytest.fixture(scope="module")
def evaluated(folder: Path, digits: ImageData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study with its first VAE and its CVAE evaluated, in two parts, with little budget."""
    study = tmp_path_factory.mktemp("evaluated") / "study"
    shutil.copytree(folder, study)
    for name in ("vae-seed0", "cvae-seed0"):
        model = load(study / name)
        subject = Measurement(MeasuredModel(model, digits, title=name), Budget(n_images=40, n_costly=2, n_samples=5))
        found = measure_parts(subject, ("elbo", "representation"), f"vaelab evaluate runs/{name} --images 40")
        with pytest.raises(UserError) as grey:
            measure_parts(subject, ["evidence"])
        replace(found, left_out={"evidence": str(grey.value)}).write(study / name / "evaluation.json")
    return study


@pytest.fixture(scope="module")
def evaluated_page(evaluated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "evaluated.html"
    write_run_report([evaluated], out, draw=lambda run: [])
    return out


def cells(table: Table) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in table.rows}


def a_run(experiment: Experiment, *totals: tuple[float, float], epochs: int = 30) -> Trained:
    """A run that has come so far, of which there are no files."""
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


# What the page tells.


def test_runs_that_differ_by_their_seed_share_a_row(folder: Path) -> None:
    groups = read_folders([folder]).groups
    assert [(group.name, group.seeds) for group in groups] == [("vae", [0, 1]), ("cvae", [0])]
    rows = cells(numbers_of(groups))
    last = [RunFolder(folder / f"vae-seed{seed}").rows()[-1] for seed in (0, 1)]
    for split, name in (("train_running", "vae, train, last epoch"), ("test", "vae, test")):
        for column, quantity in enumerate(("reconstruction", "kl", "total")):
            values = [row[f"{split}_{quantity}"] for row in last]
            assert rows[name][column] == f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"
    assert "±" not in rows["cvae, test"][2]


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({}, ("138.00", "6.59", "144.59")),
        ({"objective": Elbo(beta=Constant(1.0))}, ("138.00", "6.59", "144.59")),
        ({"objective": Elbo(beta=Constant(4.0))}, None),
        ({"objective": Elbo(beta=Linear(stop=0.5))}, None),
        ({"data": Digits()}, None),
        ({"model": replace(PRESETS["vae"][1].model, latent=3)}, None),
    ],
)
def test_the_studys_own_row_stands_beside_its_model_alone(change: dict[str, Any], row: tuple[str, ...] | None) -> None:
    run = a_run(replace(PRESETS["vae"][1], **change), (140.0, 6.0))
    assert cells(numbers_of([Group("mine", (run,))])).get("mine, the study") == row


def test_columns_that_some_models_have_are_empty_for_the_others() -> None:
    plain, codes = a_run(PRESETS["vae"][1], (140.0, 6.0)), a_run(PRESETS["vq-vae"][1], (60.0, 200.0))
    codes.rows[-1]["test_code_perplexity"] = 91.5
    table = numbers_of([Group("a", (plain,)), Group("b", (codes,))])
    assert table.columns[-1] == "perplexity"
    assert [cells(table)[name][-1] for name in ("a, test", "b, test", "b, train, last epoch")] == ["", "91.50", ""]
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_run_under_way_and_a_copy_do_not_blur_the_spread(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "study")
    short = tmp_path / "study" / "vae-seed1" / "metrics.csv"
    short.write_text("\n".join(short.read_text().splitlines()[:2]) + "\n")
    shutil.copytree(folder / "vae-seed0", tmp_path / "study" / "copy")
    (tmp_path / "study" / "begun").mkdir()
    shutil.copy(folder / "vae-seed0" / "experiment.json", tmp_path / "study" / "begun")
    contents = read_folders([tmp_path / "study", tmp_path / "study" / "vae-seed0"])
    named = {group.name: group.seeds for group in contents.groups}
    assert named == {"vae": [0], "copy": [0], "vae (1 of 2 epochs)": [1], "cvae": [0]}
    assert any("begun has not done an epoch" in notice for notice in contents.notices)


def test_groups_of_one_name_are_told_apart(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "vae-seed0"
    shutil.copytree(folder / "cvae-seed0", other)
    names = [group.name for group in read_folders([folder / "vae-seed0", other]).groups]
    assert names == [f"vae ({folder / 'vae-seed0'})", f"vae ({other})"]


def test_the_pages_command_makes_the_same_weights(folder: Path, tmp_path: Path) -> None:
    from vaelab.cli import main

    shutil.copytree(folder / "vae-seed1", tmp_path / "vae")
    (command,) = read_folders([tmp_path / "vae"]).commands
    assert main([*shlex.split(command)[1:], "--quiet"]) == 0
    again = tmp_path / "vae-again" / "last.safetensors"
    assert again.read_bytes() == (tmp_path / "vae" / "last.safetensors").read_bytes()


def test_a_studys_command_stands_for_its_runs(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "cvae-seed0", tmp_path / "alone")
    commands = read_folders([folder, tmp_path / "alone"]).commands
    assert commands[0] == CLAIMS.about["command"]
    assert len(commands) == 2
    assert "alone/experiment.json" in commands[1]


def test_an_evaluation_of_other_weights_is_left_out_aloud(evaluated: Path, tmp_path: Path) -> None:
    """Such as of a run that was prolonged since: the page is written, says so, and shows none of its numbers."""
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
    # One that cannot be read is a mistake, and named.
    (run / "evaluation.json").write_text("{")
    with pytest.raises(UserError, match=r"evaluation\.json cannot be read as JSON"):
        write_run_report([run], tmp_path / "broken.html", draw=lambda run: [])


def test_an_evaluation_alone_needs_no_name_at_each_number(evaluated: Path, tmp_path: Path) -> None:
    write_run_report([evaluated / "cvae-seed0"], tmp_path / "page.html", draw=lambda run: [])
    text = (tmp_path / "page.html").read_text()
    assert '<th scope="row">rate<span' in text
    assert "rate, cvae" not in text
    assert "last measured by vaelab evaluate runs/cvae-seed0 --images 40, on " in text


def test_a_studys_ready_table_is_shown(tmp_path: Path, folder: Path) -> None:
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
def test_images_that_are_not_at_hand_are_missed_aloud(
    gone: bool, folder: Path, digits: ImageData, digits_file: Path, tmp_path: Path
) -> None:
    """The page is written all the same: without the figures that show real images, and it says so."""
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
    assert "Latent scatter" not in text


def test_what_was_run_is_told(page: Path, folder: Path) -> None:
    text = page.read_text()
    record = json.loads((folder / "vae-seed0" / "experiment.json").read_text())
    started_ = RunFolder(folder / "vae-seed0").events()[0]
    told = (
        record["data_sha256"],
        record["vaelab"],
        started_["machine"],
        "vaelab report study --out report.html",
        "UTC",
    )
    for fact in (*told, "VAE(latent=2, conditional=True", "Elbo(beta=Linear(epochs=10"):
        assert fact in text, fact
    settings = re.search(r"<pre>(.*?)</pre>", text, re.S)
    assert settings is not None
    assert json.loads(settings[1].replace("&#34;", '"')) == record["experiment"]


@pytest.mark.parametrize(
    ("write", "says"),
    [
        ({}, "holds no run and no study"),
        ({"claims.json": "{"}, "cannot be read as JSON"),
        ({"claims.json": '{"claims": [{"name": "a", "says": "b", "verdict": "maybe", "checks": []}]}'}, "verdict"),
        ({"claims.json": '{"claims": [], "format": 99}'}, "format 99"),
        ({"results.json": '{"table": {"caption": "a"}}'}, "table: columns"),
        ({"begun/experiment.json": json.dumps(encode(a_run(PRESETS["vae"][1], (1.0, 1.0)).record))}, "done an epoch"),
    ],
)
def test_a_folder_that_cannot_be_told_of_is_named(write: dict[str, str], says: str, tmp_path: Path) -> None:
    for name, text in write.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=re.escape(says)) as caught:
        read_folders([tmp_path])
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_folder_is_a_mistake() -> None:
    with pytest.raises(UserError, match="no folder"):
        read_folders([])


def test_claims_return_from_json(folder: Path) -> None:
    assert read_claims(folder / "claims.json") == CLAIMS


def test_what_would_refute_a_claim_is_told() -> None:
    check = CheckOutcome("x", (1.0,), 1.0, unit="nats")
    assert replace(check, at_least=1.5).refuted == "below 1.5 nats"
    assert replace(check, at_least=0.0, at_most=1234567.0).refuted == "below 0 nats or above 1,234,567 nats"
    assert check.spread == "one seed, no interval"
    assert replace(check, values=(1.0, 2.0), interval=(-0.5, 2.5)).spread == "-0.5 to 2.5"


# Formulas.


def outline(svg: str) -> np.ndarray:
    """The points of a formula, in ems, upwards."""
    path = ET.fromstring(svg)[0].attrib["d"]
    return np.array(re.findall(r"-?\d+\.\d+", path), float).reshape(-1, 2) * [1, -1] / 100


def test_letters_stand_on_the_line_of_the_text() -> None:
    x, p, b = (outline(formula(letter, letter)) for letter in "xpb")
    assert abs(x[:, 1].min()) < 0.03
    assert p[:, 1].min() < -0.15
    assert b[:, 1].max() > x[:, 1].max() + 0.15
    for letter in "xp":
        lowered = float(re.search(r"vertical-align:(-?[\d.]+)em", formula(letter, letter))[1])
        assert lowered == pytest.approx(outline(formula(letter, letter))[:, 1].min(), abs=0.05)


def test_a_fraction_is_drawn_as_one() -> None:
    """The numerator above the bar, the denominator below it, and the bar as wide as the wider of them."""
    points = outline(formula(r"\frac{x}{y}", "x over y"))
    assert points[:, 1].max() > 0.6
    assert points[:, 1].min() < -0.15
    plain = outline(formula("x", "x"))
    assert np.ptp(points[:, 0]) < 2 * np.ptp(plain[:, 0]) < np.ptp(outline(formula("x/y", "x over y"))[:, 0]) * 1.5


def test_the_drawing_is_as_wide_as_it_says() -> None:
    for text in ("x", r"\log p_\theta(x|z)", r"\sum_{i=1}^{L} \mu_i^2"):
        svg = formula(text, "a < b")
        root = ET.fromstring(svg)
        left, top, width, height = map(float, root.attrib["viewBox"].split())
        points = outline(svg) * 100 * [1, -1]
        assert (points.min(0) > (left, top)).all()
        assert (points.max(0) < (left + width, top + height)).all()
        assert f"width:{width / 100:.3f}em" in root.attrib["style"]
        assert root.attrib["aria-label"] == "a < b"


def test_a_formula_that_cannot_be_set_is_named() -> None:
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
        # Text by WCAG 2's level AA, in either scheme.
        lowest, text = contrasts(tab, "body *:not(svg):not(svg *)")[0]
        assert lowest >= 4.5, text
        background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
        # Formulas: there, in the text's colour, within the window, and not shrunk to nothing.
        drawn = contrasts(tab, ".formula path")
        assert len(drawn) == len(SYMBOLS) + sum(len(step.formulas) for step in STEPS)
        assert drawn[0][0] >= 7
        for box in tab.locator(".formulas .formula").all():
            place = box.bounding_box()
            assert place["width"] > 40
            assert place["height"] > 14
            assert place["x"] + place["width"] <= width


def test_runs_stand_side_by_side_or_one_below_the_other(browser: Any, page: Path) -> None:
    for width, beside in ((1440, True), (390, False)):
        with opened(browser, page, width) as (tab, _):
            first, second = [figure.bounding_box() for figure in tab.locator("#figure-1 figure").all()]
            assert (first["y"] == second["y"]) == beside
            assert tab.locator("#figure-1 .of").all_inner_texts() == ["vae", "cvae"]


def test_the_page_is_in_order(browser: Any, page: Path) -> None:
    """For those who hear it or go by its headings: levels in order, names of tables and images, links that lead."""
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
def test_claims_are_told_with_what_would_refute_them(browser: Any, page: Path, width: int) -> None:
    with opened(browser, page, width) as (tab, _):
        shown = tab.locator("#claims").inner_text()
        verdicts = tab.locator(".verdicts td").all_inner_texts()
        assert [verdict.strip() for verdict in verdicts] == ["reproduced", "not reproduced", "undecided"]
        told = (
            "0.83",
            "0.81, 0.85",
            "0.576 to 1.084",
            "below 0.55",
            "halfway from chance to one",
            "accuracy on pixels",
        )
        for words in (*told, "Fours and nines overlap.", "one seed, no interval", "above -0.5 nats", "mnist-alone"):
            assert words in shown, words
        # By its sign as well as by its word and colour.
        signs = tab.locator(".verdicts .verdict path").evaluate_all("all => all.map(p => p.getAttribute('d'))")
        assert len(set(signs)) == 3
        # On a phone each cell says what it is.
        label = tab.locator(".checks td").first.evaluate("cell => getComputedStyle(cell, '::before').content")
        assert (label == '"measured"') == (width == 390)


@pytest.mark.parametrize("width", [390, 1440])
def test_evaluations_are_told_run_beside_run(browser: Any, evaluated: Path, evaluated_page: Path, width: int) -> None:
    names = {"vae, seed 0": "vae-seed0", "cvae": "cvae-seed0"}
    found: dict[str, Evaluation] = {
        name: read_evaluation(evaluated / folder / "evaluation.json") for name, folder in names.items()
    }
    with opened(browser, evaluated_page, width) as (tab, complaints):
        assert complaints == []
        assert overflow(tab) <= 0
        headings = tab.locator("#measured h3").all_inner_texts()
        assert headings == ["Measured: elbo", "Measured: representation", "Not measured"]
        tables = tab.locator("#measured table").all()
        for place, table in enumerate(tables):
            # Of each quantity a row a run, one below the other, with all that was measured of it.
            shown = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
            sections = {name: evaluation.sections[place] for name, evaluation in found.items()}
            wanted = {
                f"{number.name}, {name}": (number.how, *number.cells[1:])
                for name, section in sections.items()
                for number in section.numbers
            }
            assert len(shown) == len(wanted) >= 8
            for head, *rest in shown:
                quantity, _, how = head.partition("\n")
                assert (how.strip(), *rest) == wanted[quantity]
            firsts = [head.partition("\n")[0] for head, *_ in shown]
            assert [one.rpartition(", ")[2] for one in firsts[:2]] == ["seed 0", "cvae"]
            assert firsts[0].removesuffix(", vae, seed 0") == firsts[1].removesuffix(", cvae")
            # Within its own box the last column can be reached.
            table.locator("td").last.scroll_into_view_if_needed()
            place_of = table.locator("td").last.bounding_box()
            assert place_of["x"] + place_of["width"] <= width
        text = tab.locator("#measured").inner_text()
        for name, evaluation in found.items():
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

    # A reader who works in the dark prints on white paper.
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
        "Claims put to the test on npz",
        "not reproduced",
        "halfway from chance to one",
        "Run it again",
        "± ",
    ):
        assert words in text, words
    # The heading, and no list of contents.
    assert text.count("Where the loss comes from") == 1
    for sheet in document:
        image = np.asarray(sheet.render(scale=0.5).to_pil().convert("L"))
        assert image[0, 0] == 255
        assert image.mean() > 128


def test_a_page_without_runs_has_no_empty_sections(browser: Any, tmp_path: Path) -> None:
    facts = [Facts("", (Fact("data", "a < b & c"),))]
    table = Table("Numbers", ("nats", "total"), (("<script>alert(1)</script>", "1"),))
    write_report(tmp_path / "page.html", "<b>title</b>", "", [], [table], facts, [])
    with opened(browser, tmp_path / "page.html") as (tab, complaints):
        assert complaints == []
        assert tab.locator("h1").inner_text() == "<b>title</b>"
        assert tab.locator("#results tbody th").inner_text() == "<script>alert(1)</script>"
        assert "a < b & c" in tab.locator("#run").inner_text()
        headings = tab.locator("h2").all_inner_texts()
        assert headings == ["Results", "Where the loss comes from", "What was run"]
        assert all(tab.locator(target).count() for target in tab.locator("a").evaluate_all("a => a.map(x => x.hash)"))


def test_the_page_forbids_what_is_not_in_it(browser: Any, page: Path, tmp_path: Path) -> None:
    """Its own policy: were a script or a far image to come into it, the browser would leave it alone."""
    changed = tmp_path / "changed.html"
    intruder = '<img src="http://127.0.0.1:9/x.png" alt="far"><script>document.title = "taken"</script>'
    changed.write_text(page.read_text().replace("<main>", f"<main>{intruder}"))
    with opened(browser, changed) as (tab, complaints):
        assert broken_images(tab) == ["far"]
        assert tab.title() != "taken"
        assert len(complaints) >= 2


def test_a_wide_table_scrolls_in_its_own_box(browser: Any, tmp_path: Path) -> None:
    table = Table("Wide", ("name", *(f"measurement{index}" for index in range(12))), (("row", *("1,234.56",) * 12),))
    write_report(tmp_path / "page.html", "title", "", [], [table], [], [])
    with opened(browser, tmp_path / "page.html", 390) as (tab, _):
        assert overflow(tab) <= 0
        assert tab.locator(".scroll").evaluate("box => box.scrollWidth > box.clientWidth")
        tab.locator(".numbers td").last.scroll_into_view_if_needed()
        place = tab.locator(".numbers td").last.bounding_box()
        assert place["x"] + place["width"] <= 390
