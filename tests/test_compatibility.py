"""Run folders written by version 0.1.0 load, resume and evaluate."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vaelab import Budget, evaluate, full_pass, load, open_run, train
from vaelab.codec import encode
from vaelab.evaluation.results import read_evaluation
from vaelab.experiment import read_record
from vaelab.models.files import read_tensors, weights_digest

FIXTURES = Path(__file__).parent / "fixtures" / "runs-0.1"
LAST, RESUMED = "last.safetensors", "resumed.safetensors"
WEIGHTS = json.loads((FIXTURES / "weights.json").read_text())


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the old runs in the current folder, so that the relative path of their data is valid."""
    shutil.copytree(FIXTURES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", WEIGHTS)
def test_an_old_model_loads_bit_for_bit(name: str, old: Path) -> None:
    assert weights_digest(load(old / name)) == WEIGHTS[name]


@pytest.mark.parametrize("name", WEIGHTS)
def test_an_old_record_survives_reading_and_writing(name: str, old: Path) -> None:
    path = old / name / "experiment.json"
    record = json.loads(path.read_text())
    # What version 0.1 did without a setting for it.
    record["experiment"]["training"] |= {"validation": 0, "patience": 0, "labelled_share": 0, "augmentation": []}
    record["experiment"]["training"]["start_at_mean"] = False
    record["experiment"]["training"]["optimiser"]["kind"] = "adam"
    model = record["experiment"]["model"]
    for part in (model.get("posterior", {}), model.get("prior", {})):
        if part.get("kind") in ("flow", "flow-posterior"):
            part["transform"] = {"kind": "spline"}
    likelihood = model["likelihood"]
    if likelihood["kind"] == "learned-gaussian":
        likelihood["shared"] = True
    posterior = record["experiment"]["model"].get("posterior", {})
    if posterior.get("kind") == "codebook":
        posterior["rotation"] = False
    assert encode(read_record(path)) == record


@pytest.mark.parametrize("name", WEIGHTS)
def test_an_old_run_resumes_to_the_weights_of_the_old_version(name: str, old: Path) -> None:
    run = open_run(old / name)
    more = replace(run.experiment, training=replace(run.experiment.training, epochs=2))
    resumed = train(more, old / name, resume=True, show=False)
    assert [row["epoch"] for row in resumed.rows] == [1, 2]
    expected = full_pass(resumed.model, resumed.load_data().split("test"), resumed.experiment.binarisation)
    assert expected.total == pytest.approx(resumed.rows[-1]["test_total"], rel=1e-4)
    # Sums differ in their last bits between processors, so a hundredth of the change is allowed. All weights are
    # compared together: the gradient of the bias of attention's keys is rounding, of which Adam makes a random walk.
    before, after, reached = (
        torch.cat([tensor.double().flatten() for tensor in read_tensors(path)[0].values()])
        for path in (FIXTURES / name / LAST, FIXTURES / name / RESUMED, old / name / LAST)
    )
    assert (reached - after).norm() <= 0.01 * (after - before).norm()


@pytest.mark.parametrize("name", WEIGHTS)
def test_an_old_run_can_be_evaluated(name: str, old: Path) -> None:
    run = open_run(old / name)
    evaluation = evaluate(
        run.model, run.load_data(), run.experiment.binarisation, only=["elbo"], budget=Budget(n_costly=2, n_samples=5)
    )
    assert evaluation.section("elbo").value("distortion") > 0


def test_an_old_evaluation_can_be_read(old: Path) -> None:
    evaluation = read_evaluation(old / "factor" / "evaluation.json")
    assert evaluation.weights_sha256 == WEIGHTS["factor"]
    assert evaluation.section("elbo").value("rate") > 0
