"""Custom studies and parts run, resume and are reported like the built-in ones."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from torch import nn

import vaelab as vl
from vaelab.contract import Network
from vaelab.evaluation.results import Number, Section
from vaelab.figures import DrawnFigure
from vaelab.files import claimed
from vaelab.networks.mlp import MlpNetwork
from vaelab.plots import image_grid
from vaelab.report import write_run_report
from vaelab.report.parts import own_parts
from vaelab.report.runs import read_folders
from vaelab.schedules import Progress
from vaelab.sizes import Sizes
from vaelab.studies import sharing
from vaelab.studies.families import FamiliesStudy, Member

X = (np.random.default_rng(0).random((80, 8, 8)) < 0.3).astype(np.uint8) * np.uint8(255)
Y = np.where(np.arange(80) % 3, "cat", "dog")


@dataclass(frozen=True)
class Ring(vl.NetworkSpec):
    """Layers of a user's own, with a list that cannot be hashed."""

    sizes: Any = (16,)

    def build(self, sizes: Sizes) -> Network:
        return MlpNetwork(tuple(self.sizes), sizes)


@dataclass(frozen=True)
class Silent(vl.ScheduleSpec):
    # No docstring, on purpose.
    def __call__(self, progress: Progress) -> float:
        return 0.5


def small(**model: Any) -> vl.Experiment:
    return vl.Experiment(model=vl.VAE(**{"network": Ring([16])} | model), training=vl.Training(epochs=2, batch_size=16))


@dataclass(frozen=True)
class Widths(vl.Study):
    """A custom study that measures the test totals of two widths."""

    widths: tuple[int, ...] = (1, 2)
    protocol: ClassVar[str] = "test split"
    measured: ClassVar[list[str]] = []
    fails: ClassVar[dict[str, BaseException]] = {}

    def plan(self, settings: vl.StudySettings) -> dict[str, vl.Experiment]:
        return {f"width-{width}": small(latent=width) for width in self.widths}

    def measure(self, case: vl.Run, settings: vl.StudySettings) -> dict[str, float]:
        self.measured.append(case.folder.name)
        if case.folder.name in self.fails:
            raise self.fails[case.folder.name]
        return {"total": vl.full_pass(case.model, settings.data.split("test")).total}

    def table(self, results: dict[str, Any]) -> vl.Table:
        rows = tuple((name, f"{numbers['total']:.3f}") for name, numbers in results["runs"].items())
        return vl.Table("Totals by width", ("run", "nats per image"), rows)

    def figures(self, measured: Any, runs: Any, settings: vl.StudySettings) -> Sequence[DrawnFigure]:
        return (DrawnFigure("first-images", image_grid(X[None, :3, None] / 255), "Three images of the data."),)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Widths.measured.clear()
    Widths.fails.clear()


def settings(out: Path, **more: Any) -> vl.StudySettings:
    return vl.StudySettings(out, vl.as_data(X, Y, name="blots"), **more)


def test_a_custom_study_trains_measures_and_reports(tmp_path: Path) -> None:
    results = vl.run_study(Widths(), settings(tmp_path, seeds=2, epochs=1, notice="Blots are not digits."))
    assert results == json.loads((tmp_path / "results.json").read_text())
    assert list(results["runs"]) == [f"width-{width}-seed{seed}" for seed in (0, 1) for width in (1, 2)]
    for name, numbers in results["runs"].items():
        run = vl.open_run(tmp_path / name)
        assert (run.experiment.training.epochs, run.experiment.training.seed) == (1, int(name[-1]))
        assert run.model.widths == (int(name[6]),)
        test = vl.as_data(X, Y).split("test")
        assert numbers["total"] == pytest.approx(vl.full_pass(run.model, test).total)
    about = results["about"]
    assert (about["data"], about["seeds"], about["epochs"]) == ("blots", [0, 1], 1)
    page = (tmp_path / "report.html").read_text()
    for row in results["table"]["rows"]:
        assert row[1] in page
    for words in (
        "Totals by width",
        "Three images of the data.",
        "Blots are not digits.",
        "InMemory(name=&#39;blots&#39;)",
    ):
        assert words in page, words
    assert (tmp_path / "figures" / "first-images.png").exists()


def test_processes_share_the_runs_of_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that another process is at comes last; the results have the planned order all the same."""
    other, waits = claimed(tmp_path / "width-1"), []

    def wait(seconds: float) -> None:
        waits.append(list(Widths.measured))
        other.__exit__(None, None, None)

    monkeypatch.setattr(sharing.time, "sleep", wait)
    assert other.__enter__()
    results = vl.run_study(Widths(), settings(tmp_path, epochs=1))
    assert waits == [["width-2"]]
    assert Widths.measured == ["width-2", "width-1"]
    assert list(results["runs"]) == ["width-1", "width-2"]
    # What the other process has measured is read.
    assert vl.run_study(Widths(), settings(tmp_path, epochs=1))["runs"] == results["runs"]
    assert Widths.measured == ["width-2", "width-1"]


def test_a_custom_study_resumes_after_a_kill(tmp_path: Path) -> None:
    Widths.fails["width-2"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        vl.run_study(Widths(), settings(tmp_path))
    assert Widths.measured == ["width-1", "width-2"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/last.safetensors")}
    assert len(before) == 2

    Widths.fails.clear()
    results = vl.run_study(Widths(), settings(tmp_path))
    assert Widths.measured == ["width-1", "width-2", "width-2"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert list(results["runs"]) == ["width-1", "width-2"]
    # Nothing is left to do, unless the weights have changed.
    assert vl.run_study(Widths(), settings(tmp_path))["runs"] == results["runs"]
    assert len(Widths.measured) == 3
    spoilt = tmp_path / "width-1" / "last.safetensors"
    vl.save(vl.VAE(latent=1, network=Ring([16])).build(vl.as_data(X, Y).format), spoilt)
    assert vl.run_study(Widths(), settings(tmp_path))["runs"]["width-1"] != results["runs"]["width-1"]
    assert Widths.measured[3:] == ["width-1"]
    with pytest.raises(vl.UserError, match="other settings"):
        vl.run_study(Widths(), settings(tmp_path, epochs=3))


def test_a_run_that_cannot_be_measured_does_not_stop_the_others(tmp_path: Path) -> None:
    Widths.fails["width-1"] = vl.UserError("width 1 is too narrow")
    study = Widths()
    results = vl.run_study(study, settings(tmp_path, epochs=1))
    assert list(results["runs"]) == ["width-2"]
    assert results["left_out"] == {"width-1": "width 1 is too narrow"}
    assert study.remarks(results) == ["width-1 was not measured: width 1 is too narrow"]
    Widths.fails["width-2"] = vl.UserError("width 2 neither")
    (tmp_path / "width-2" / "measured.json").unlink()
    with pytest.raises(vl.UserError, match="too narrow"):
        vl.run_study(study, settings(tmp_path, epochs=1))


def test_invalid_studies_are_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(vl.UserError, match="data is of type tuple, but must be ImageData"):
        vl.StudySettings(tmp_path / "out", (X, Y))  # type: ignore[arg-type]
    with pytest.raises(vl.UserError, match="seeds is 0"):
        settings(tmp_path / "out", seeds=0)
    with pytest.raises(
        vl.UserError, match="run_figures has 'sample', but there is no such figure; did you mean samples"
    ):
        vl.run_study(type("Mistyped", (Widths,), {"run_figures": ("sample",)})(), settings(tmp_path / "out"))
    unlabelled = replace(settings(tmp_path / "out"), data=vl.as_data(X))

    class Conditional(Widths):
        def plan(self, settings: vl.StudySettings) -> dict[str, vl.Experiment]:
            return {"plain": small(), "conditional": small(conditional=True)}

    with pytest.raises(vl.UserError, match="the data has no labels"):
        vl.run_study(Conditional(), unlabelled)
    assert not (tmp_path / "out").exists()


def test_classes_defined_in_a_function_are_reported(tmp_path: Path) -> None:
    """As in a notebook: the study passes such classes to its report and to the next command."""

    @dataclass(frozen=True)
    class Local(Ring):
        """Layers that a function defines."""

    class Locals(Widths):
        def plan(self, settings: vl.StudySettings) -> dict[str, vl.Experiment]:
            return {"local": small(network=Local([8]))}

    for _ in range(2):
        vl.run_study(Locals(), settings(tmp_path, epochs=1))
        assert "Layers that a function defines." in (tmp_path / "report.html").read_text()
    assert Widths.measured == ["local"]


def test_a_custom_model_joins_the_families_study(tmp_path: Path) -> None:
    beta = vl.Elbo(beta=Silent())
    modules = vl.Modules(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU()), nn.Linear(2, 64))
    members = (
        Member("ring", replace(small(), objective=beta)),
        Member("modules", small(network=modules)),
        Member("ring-flow-after", small(prior=vl.Flow()), after="ring"),
    )
    study = FamiliesStudy(samples=5, members=members)
    results = vl.run_study(study, settings(tmp_path, epochs=1))
    assert list(results["rows"]) == ["ring", "modules", "ring-flow-after"]
    assert [row[0] for row in study.table(results).rows] == list(results["rows"])
    page = (tmp_path / "report.html").read_text()
    assert "ring: the network is the user&#39;s own, " in page
    assert "Layers of a user&#39;s own, with a list that cannot be hashed." in page
    assert re.search(r"ring: the objective\.beta is the user&#39;s own, \S+:Silent, which has no docstring\.", page)


def test_a_run_with_custom_parts_is_reported(tmp_path: Path) -> None:
    def squared(trace: Any, progress: Progress) -> Any:
        """The squares of both terms."""
        return (trace.reconstruction + trace.kl.sum(0)).mean()

    runs = [vl.train(small(), tmp_path / f"ring-seed{seed}", data=vl.as_data(X, Y)) for seed in (0,)]
    experiment = replace(small(), objective=squared, training=vl.Training(epochs=1, batch_size=16, seed=1))
    runs.append(vl.train(experiment, tmp_path / "squared", data=vl.as_data(X, Y, name="blots")))
    write_run_report([run.folder for run in runs], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    module = Ring.__module__
    assert f"ring: the network is the user&#39;s own, {module}:Ring: Layers of a user&#39;s own" in page
    assert "squared: the objective is the user&#39;s own, FunctionObjective(name=" in page
    assert "The figures of squared show no real images, since they are not at hand: the images &#39;blots&#39;" in page
    assert "Training curves of squared" in page
    # With images in memory, no command repeats the run, and the page says so.
    assert "in Python, with the same objects; no command has them" in page
    assert read_folders([run.folder for run in runs]).commands == ()
    assert [part.room for part in own_parts(runs[1].experiment)] == ["data", "network", "objective"]


def test_the_command_of_a_plugins_run_imports_the_plugin(tmp_path: Path) -> None:
    vl.train(replace(small(), data=vl.Digits()), tmp_path / "ring")
    (command,) = read_folders([tmp_path / "ring"]).commands
    assert command.endswith(f"--out {tmp_path / 'ring-again'} --plugin {Ring.__module__}")


def test_a_model_that_cannot_be_opened_loses_only_its_figures(tmp_path: Path) -> None:
    modules = vl.Modules(nn.Sequential(nn.Flatten(), nn.Linear(64, 8)), nn.Linear(2, 64))
    run = vl.train(small(network=modules), tmp_path / "modules", data=vl.as_data(X, Y))
    evaluation = vl.evaluate(run.model, vl.as_data(X, Y), only=["elbo"], budget=vl.Budget(n_images=10))
    evaluation.write(run.folder / "evaluation.json")
    write_run_report([run.folder], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "The figures of modules are left out: the model needs its own modules" in page
    assert "The evaluation of modules is left out: the model needs its own modules" in page
    assert f"{run.rows[-1]['test_total']:.2f}" in page


def test_a_custom_evaluation_part_is_reported(tmp_path: Path) -> None:
    run = vl.train(small(), tmp_path / "ring", data=vl.as_data(X, Y))

    def measure(measurement: Any) -> Section:
        return Section("blackness", (Number("black pixels", 0.7123),))

    part = vl.Part("blackness", "the share of black pixels", measure)
    vl.evaluate(run.model, vl.as_data(X, Y), only=["blackness"], parts=[part]).write(run.folder / "evaluation.json")
    write_run_report([run.folder], tmp_path / "page.html", draw=lambda folder: ())
    page = (tmp_path / "page.html").read_text()
    assert "Measured: blackness" in page
    assert page.count("the share of black pixels") == 1
    assert "0.712" in page
