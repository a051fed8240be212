"""Run folders that version 0.1.0 wrote before the contract was opened: they load, resume and evaluate."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from vaelab import Budget, evaluate, full_pass, load, open_run, train
from vaelab.codec import encode
from vaelab.evaluation.results import read_evaluation
from vaelab.experiment import read_record
from vaelab.models.files import weights_digest

FIXTURES = Path(__file__).parent / "fixtures" / "runs-0.1"
WEIGHTS = json.loads((FIXTURES / "weights.json").read_text())


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the old runs in the current folder, where the path of their data leads somewhere."""
    shutil.copytree(FIXTURES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", WEIGHTS)
def test_an_old_model_loads_bit_for_bit(name: str, old: Path) -> None:
    assert weights_digest(load(old / name)) == WEIGHTS[name]["last"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_an_old_record_is_written_as_it_was_read(name: str, old: Path) -> None:
    path = old / name / "experiment.json"
    assert encode(read_record(path)) == json.loads(path.read_text())


@pytest.mark.parametrize("name", WEIGHTS)
def test_an_old_run_is_prolonged_to_the_weights_that_the_old_code_reached(name: str, old: Path) -> None:
    run = open_run(old / name)
    more = replace(run.experiment, training=replace(run.experiment.training, epochs=2))
    resumed = train(more, old / name, resume=True, show=False)
    assert [row["epoch"] for row in resumed.rows] == [1, 2]
    expected = full_pass(resumed.model, resumed.load_data().split("test"), resumed.experiment.binarisation)
    assert expected.total == pytest.approx(resumed.rows[-1]["test_total"], rel=1e-4)
    # Processors differ in the last bits of their sums; on the one that wrote the fixtures the weights are the same.
    if weights_digest(resumed.model) != WEIGHTS[name]["resumed"]:
        machine = [json.loads(line)["machine"] for line in (old / name / "events.jsonl").open() if "machine" in line]
        assert machine[0] != machine[-1], "the same machine gives other weights"


@pytest.mark.parametrize("name", WEIGHTS)
def test_an_old_run_is_evaluated(name: str, old: Path) -> None:
    run = open_run(old / name)
    found = evaluate(
        run.model, run.load_data(), run.experiment.binarisation, only=["elbo"], budget=Budget(n_costly=2, n_samples=5)
    )
    assert found.section("elbo").value("distortion") > 0


def test_an_old_evaluation_is_read(old: Path) -> None:
    found = read_evaluation(old / "factor" / "evaluation.json")
    assert found.weights_sha256 == WEIGHTS["factor"]["last"]
    assert found.section("elbo").value("rate") > 0
