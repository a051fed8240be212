"""Sweeps: several processes share the trials of one study, which survives them."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import vaelab as vl
from vaelab.sweeps.reading import read_sweep

pytest.importorskip("optuna")

PATIENCE = 120


@pytest.fixture
def experiment(digits_file: Path) -> vl.Experiment:
    data = f"npz:{digits_file}"
    return vl.preset("vae", data=data, network=vl.Mlp((16,)), epochs=2, batch_size=50, validation=40)


SPACE = {
    "model.latent": vl.IntRange((2, 8), log=True),
    "training.optimiser.learning_rate": vl.FloatRange((1e-4, 1e-2), log=True),
    "model.prior": vl.Choice(({"kind": "standard-normal"}, {"kind": "mixture", "components": 3})),
}


def space_file(folder: Path, base: vl.Experiment, **changed: Any) -> Path:
    """A sweep as a user writes it."""
    values = {
        "experiment": "vae",
        "data": base.data.path,
        "settings": {
            "model.network": {"kind": "mlp", "hidden": [16]},
            "training.epochs": base.training.epochs,
            "training.batch_size": 50,
            "training.validation": 40,
        },
        "space": {"model.latent": {"int": [2, 8]}, "training.optimiser.learning_rate": {"float": [1e-4, 1e-2]}},
    }
    values["data"] = f"npz:{values['data']}"
    path = folder / "space.json"
    path.write_text(json.dumps(values | changed))
    return path


def table(out: Path) -> list[dict[str, str]]:
    with (out / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_sweep_goes_on_where_it_was_and_its_best_trial_can_be_repeated(
    experiment: vl.Experiment, tmp_path: Path
) -> None:
    settings = vl.Sweep(experiment, SPACE, prune=False, startup=2)
    vl.sweep(settings, tmp_path / "sweep", trials=2)
    results = vl.sweep(settings, tmp_path / "sweep", trials=5)

    rows = table(tmp_path / "sweep")
    assert sorted(int(row["trial"]) for row in rows) == [0, 1, 2, 3, 4]
    totals = [float(row["validation_total"]) for row in rows]
    assert totals == sorted(totals)
    assert len(set(totals)) == 5
    for row in rows:
        run = vl.open_run(tmp_path / f"sweep/trial-{int(row['trial']):04d}")
        assert run.experiment.model.latent == int(row["model.latent"])
        assert run.rows[-1]["validation_total"] == pytest.approx(float(row["validation_total"]))
    assert results.best is not None
    again = vl.train(results.best, tmp_path / "again")
    assert again.rows[-1]["validation_total"] == pytest.approx(totals[0], abs=1e-9)


def test_parts_of_the_experiment_that_only_python_has_are_kept(experiment: vl.Experiment, tmp_path: Path) -> None:
    def halved(trace: vl.Trace, progress: vl.Progress) -> Any:
        return trace.total.mean() / 2

    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU())
    network = vl.Modules(encoder, lambda sizes: nn.Linear(sizes.latent, 784))
    own = replace(experiment, objective=halved, model=replace(experiment.model, network=network))
    space = {
        "model.prior": vl.Choice((vl.StandardNormal(), vl.Mixture(components=2))),
        "model.latent": vl.IntRange((2, 3)),
    }
    results = vl.sweep(vl.Sweep(own, space), tmp_path / "sweep", trials=1)
    assert results.best is not None
    assert results.best.objective == own.objective
    assert results.best.model.network is network
    assert table(tmp_path / "sweep")[0]["state"] == "complete"


def test_a_bad_trial_is_ended_early_and_keeps_its_run(experiment: vl.Experiment, tmp_path: Path) -> None:
    longer = replace(experiment, training=replace(experiment.training, epochs=6))
    rates = {"training.optimiser.learning_rate": vl.Choice((5e-3, 1e-7))}
    vl.sweep(vl.Sweep(longer, rates, startup=2, seed=1), tmp_path / "sweep", trials=6)
    rows = table(tmp_path / "sweep")
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert pruned
    assert {row["training.optimiser.learning_rate"] for row in pruned} == {"1e-07"}
    assert rows[0]["training.optimiser.learning_rate"] == "0.005"
    for row in pruned:
        epochs = len(vl.open_run(tmp_path / f"sweep/trial-{int(row['trial']):04d}").rows)
        assert 0 < epochs == int(row["epochs"]) < 6


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_two_jobs_of_a_cluster_share_the_trials(experiment: vl.Experiment, tmp_path: Path, storage: str) -> None:
    submitit = pytest.importorskip("submitit")
    out = tmp_path / "sweep"
    place = out / "journal.log" if storage == "journal" else f"sqlite:///{tmp_path}/sweep.db"
    command = [sys.executable, "-m", "vaelab", "sweep", str(space_file(tmp_path, experiment)), "--out", str(out)]
    job = submitit.helpers.CommandFunction([*command, "--trials", "6", "--storage", str(place), "--quiet"])
    executor = submitit.LocalExecutor(folder=tmp_path / "jobs")
    jobs = [executor.submit(job) for _ in range(2)]
    for each in jobs:
        assert "best: vaelab train --config" in each.result()
    rows = table(out)
    assert sorted(int(row["trial"]) for row in rows) == list(range(6))
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert len({row["training.optimiser.learning_rate"] for row in rows}) == 6


def test_a_trial_whose_process_was_killed_is_taken_up(experiment: vl.Experiment, tmp_path: Path) -> None:
    longer = replace(experiment, training=replace(experiment.training, epochs=150))
    space, out = space_file(tmp_path, longer), tmp_path / "sweep"
    command = [sys.executable, "-m", "vaelab", "sweep", str(space), "--out", str(out), "--trials", "1", "--quiet"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    rows, waited = out / "trial-0000/metrics.csv", time.monotonic()
    while not rows.exists() or len(rows.read_text().splitlines()) < 3:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() - waited < PATIENCE
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    before = len(rows.read_text().splitlines())
    results = vl.sweep(read_sweep(space), out, trials=1, name="space")
    assert [row["state"] for row in table(out)] == ["complete"]
    (row,) = results.table.rows
    assert row[2] == "150"
    log = [json.loads(line) for line in (out / "trial-0000/events.jsonl").read_text().splitlines()]
    starts = [event["epoch"] for event in log if event["event"] == "started"]
    assert len(starts) == 2
    assert starts[0] == 1
    assert starts[1] >= before - 1 > 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"space": {"model.latnet": {"int": [2, 8]}}}, "model.latnet.* did you mean latent"),
        ({"space": {"model.latent": {"int": [8, 2]}}}, "from 8 to 2.*swap"),
        ({"space": {"model.latent": {"int": [0, 2]}}}, "latent"),
        ({"space": {"model.latent": {"float": [0.0, 2.0], "log": True}}}, "log.*above 0"),
        ({"space": {"model.latent": [2, 8]}}, "must have one of int, float, choice"),
        ({"space": {"model.latent": {"flota": [2, 8]}}}, "must have one of.*did you mean float"),
        ({"space": {"model.latent": {"choice": 3}}}, "model.latent.*array"),
        ({"space": {"model.latent": {"choice": [2, 3], "log": True}}}, "log: unknown field of Choice"),
        ({"space": {"model.latent": {"int": 3}}}, "model.latent"),
        ({"startup": 0}, "startup"),
        ({"prune": "yes"}, "prune"),
        ({"direction": "up"}, "direction"),
        ({"space": {}}, "space is empty"),
        ({"experiment": "vea"}, "did you mean vae"),
        ({"direktion": "maximise"}, "direktion.*did you mean direction"),
        ({"settings": {"training.validation": 0}}, "validation_total.*held out"),
        ({"measured": "validation_totl"}, "validation_totl.*columns"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_in_one_line(
    experiment: vl.Experiment, tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(vl.UserError, match=message) as refused:
        vl.sweep(read_sweep(space_file(tmp_path, experiment, **changed)), tmp_path / "sweep", trials=1)
    assert "\n" not in str(refused.value)


def test_a_study_of_another_sweep_is_refused_and_keeps_its_trials(experiment: vl.Experiment, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    vl.sweep(vl.Sweep(experiment, SPACE), out, trials=1)
    before = table(out)
    with pytest.raises(vl.UserError, match="another space; give it the same, or name another study"):
        vl.sweep(vl.Sweep(experiment, {"model.latent": vl.IntRange((2, 9))}), out, trials=2)
    assert table(out) == before


@pytest.mark.parametrize("storage", ["mysql://ann:secret@localhost:1/x", "sqlite:////proc/none/sweep.db"])
def test_a_storage_that_cannot_be_reached_is_one_line(experiment: vl.Experiment, tmp_path: Path, storage: str) -> None:
    with pytest.raises(vl.UserError, match=r"storage is .*cannot be used.*name another") as refused:
        vl.sweep(vl.Sweep(experiment, SPACE), tmp_path / "sweep", trials=1, storage=storage)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)
