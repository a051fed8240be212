"""Sweeps: several processes share the trials of one study, which survives them."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import vaelab as vl
from vaelab.data import Threshold, validation_as_test
from vaelab.evaluation import read_evaluation
from vaelab.spec import members
from vaelab.sweeps.reading import read_sweep

from . import warm

optuna = pytest.importorskip("optuna")

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
    settings = vl.Sweep(experiment, SPACE, sampler=vl.TreeParzen(startup=2), pruner=vl.NoPruner())
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
    assert table(tmp_path / "sweep")[0]["model.prior"] in (
        "standard-normal",
        '{"components": 2, "full": false, "kind": "mixture"}',
    )


@pytest.mark.parametrize("pruner", [vl.MedianPruner(startup=2), vl.Hyperband()], ids=lambda pruner: pruner.kind)
def test_a_bad_trial_is_ended_early_and_keeps_its_run(
    experiment: vl.Experiment, tmp_path: Path, pruner: vl.PrunerSpec
) -> None:
    longer = replace(experiment, training=replace(experiment.training, epochs=6))
    rates = {"training.optimiser.learning_rate": vl.Choice((5e-3, 1e-7))}
    vl.sweep(vl.Sweep(longer, rates, sampler=vl.RandomSearch(), pruner=pruner, seed=1), tmp_path / "sweep", trials=6)
    rows = table(tmp_path / "sweep")
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert pruned
    assert {row["training.optimiser.learning_rate"] for row in pruned} == {"1e-07"}
    assert rows[0]["training.optimiser.learning_rate"] == "0.005"
    for row in pruned:
        epochs = len(vl.open_run(tmp_path / f"sweep/trial-{int(row['trial']):04d}").rows)
        assert 0 < epochs == int(row["epochs"]) < 6


def jobs_of_a_cluster(words: list[str], folder: Path) -> list[str]:
    """What two jobs of a cluster print."""
    submitit = pytest.importorskip("submitit")
    job = submitit.helpers.CommandFunction([sys.executable, *words])
    executor = submitit.LocalExecutor(folder=folder / "jobs")
    jobs = [executor.submit(job) for _ in range(2)]
    return [each.result() for each in jobs]


def two_processes(words: list[str], folder: Path) -> list[str]:
    """What two processes on one machine print."""
    return [each.communicate()[0] for each in [warm.start(*words) for _ in range(2)]]


@pytest.mark.parametrize(("storage", "together"), [("journal", jobs_of_a_cluster), ("sqlite", two_processes)])
def test_two_jobs_share_the_trials(
    experiment: vl.Experiment, tmp_path: Path, storage: str, together: Callable[[list[str], Path], list[str]]
) -> None:
    out = tmp_path / "sweep"
    place = out / "journal.log" if storage == "journal" else f"sqlite:///{tmp_path}/sweep.db"
    words = ["-m", "vaelab", "sweep", str(space_file(tmp_path, experiment)), "--out", str(out)]
    for printed in together([*words, "--trials", "6", "--storage", str(place), "--quiet"], tmp_path):
        assert "best: vaelab train --config" in printed
    rows = table(out)
    assert sorted(int(row["trial"]) for row in rows) == list(range(6))
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert len({row["training.optimiser.learning_rate"] for row in rows}) == 6


@pytest.mark.parametrize("sampler", members(vl.SamplerSpec, own=True), ids=lambda sampler: sampler.kind)
def test_a_sampler_that_goes_on_draws_as_if_it_had_never_stopped(
    experiment: vl.Experiment, tmp_path: Path, sampler: type[Any]
) -> None:
    if sampler.python_only:
        pytest.skip("its random numbers are its own")
    if sampler.kind == "cma-es":
        pytest.importorskip("cmaes")
    quick = replace(experiment, training=replace(experiment.training, epochs=1))
    space = {"model.latent": vl.IntRange((2, 4)), "training.optimiser.learning_rate": vl.Choice((1e-3, 2e-3))}
    spec = sampler(startup=1) if "startup" in sampler.__dataclass_fields__ else sampler()
    settings = vl.Sweep(quick, space, sampler=spec, seed=3)
    vl.sweep(settings, tmp_path / "whole", trials=4)
    vl.sweep(settings, tmp_path / "stopped", trials=2)
    vl.sweep(settings, tmp_path / "stopped", trials=4)
    assert table(tmp_path / "whole") == table(tmp_path / "stopped")
    drawn = trials_of(tmp_path / "whole")
    assert {trial.user_attrs["sampler"] for trial in drawn} == {sampler.kind}
    assert [trial.user_attrs["sampler seed"] for trial in drawn] == [spec.seed_of(3, number) for number in range(4)]
    assert len({str(trial.params) for trial in drawn}) > 1
    assert isinstance(drawn[3].user_attrs["sampler seed"], int)


def test_a_grid_has_each_combination_once_and_ends(experiment: vl.Experiment, tmp_path: Path) -> None:
    quick = replace(experiment, training=replace(experiment.training, epochs=1))
    space = {"model.latent": vl.IntRange((2, 4)), "training.batch_size": vl.Choice((50, 100))}
    vl.sweep(vl.Sweep(quick, space, sampler="grid"), tmp_path / "sweep", trials=20)
    rows = [(row["model.latent"], row["training.batch_size"]) for row in table(tmp_path / "sweep")]
    assert sorted(rows) == [(str(latent), str(size)) for latent in (2, 3, 4) for size in (100, 50)]


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_grid_of_optuna_ends_when_it_is_exhausted(experiment: vl.Experiment, tmp_path: Path, pruner: str) -> None:
    quick = replace(experiment, training=replace(experiment.training, epochs=1))
    grid = optuna.samplers.GridSampler({"model.latent": [2, 4, 8]})
    settings = vl.Sweep(quick, {"model.latent": vl.IntRange((2, 8))}, sampler=grid, pruner=pruner)
    for trials in (2, 20, 40):
        vl.sweep(settings, tmp_path / "sweep", trials=trials)
    assert sorted(row["model.latent"] for row in table(tmp_path / "sweep")) == ["2", "4", "8"]


class Highest(optuna.samplers.BaseSampler):  # type: ignore[misc]
    """A sampler of a user's own, that always draws the highest value."""

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        return param_distribution.high


def test_any_sampler_and_pruner_of_optuna_is_taken(experiment: vl.Experiment, tmp_path: Path) -> None:
    pruner = optuna.pruners.ThresholdPruner(upper=0.0)
    settings = vl.Sweep(experiment, {"model.latent": vl.IntRange((2, 40))}, sampler=Highest(), pruner=pruner)
    vl.sweep(settings, tmp_path / "sweep", trials=2)
    rows = [(row["model.latent"], row["state"], row["epochs"]) for row in table(tmp_path / "sweep")]
    assert rows == [("40", "pruned", "1")] * 2
    assert trials_of(tmp_path / "sweep")[0].user_attrs["sampler seed"] is None


def dark(measurement: vl.Measurement) -> vl.Section:
    """A part of a user's own: what it measures tells which images it was given, and the model by its latents."""
    pixel = float(measurement.test.pixels.mean())
    return vl.Section("dark", (vl.Number("pixel", pixel), vl.Number("latents", sum(measurement.model.widths))))


@pytest.mark.parametrize(("measured", "direction"), [("dark: latents", "maximise"), ("elbo: -ELBO", None)])
def test_a_number_of_the_evaluation_is_of_the_images_held_out(
    experiment: vl.Experiment, tmp_path: Path, measured: str, direction: Any
) -> None:
    binary = replace(experiment, binarisation=Threshold())
    settings = vl.Sweep(
        binary,
        {"model.latent": vl.IntRange((2, 8))},
        measured=measured,
        direction=direction,
        parts=(vl.Part("dark", "how dark images are", dark),),
        sampler="random",
        budget=vl.Budget(n_images=40),
    )
    results = vl.sweep(settings, tmp_path / "sweep", trials=3)
    rows, trials = table(tmp_path / "sweep"), trials_of(tmp_path / "sweep")
    values = [float(row[measured]) for row in rows]
    assert values == sorted(values, reverse=direction == "maximise")
    assert results.table.columns[1] == measured
    run = vl.open_run(tmp_path / f"sweep/trial-000{rows[0]['trial']}")
    if direction:
        assert values == sorted((float(row["model.latent"]) for row in rows), reverse=True)
        pixels = run.validation().images[:, 0] > 127
        assert all(trial.user_attrs["dark: pixel"] == pytest.approx(pixels.mean()) for trial in trials)
        first = vl.open_run(tmp_path / "sweep/trial-0000").rows[0]
        assert trials[0].intermediate_values[1] == pytest.approx(-first["validation_total"])
    else:
        held_out = validation_as_test(run.load_data(), 40)
        found = vl.evaluate(run.model, held_out, Threshold(), only=["elbo"], budget=settings.budget)
        assert values[0] == pytest.approx(found.section("elbo").value("-ELBO"), abs=1e-4)
        kept = read_evaluation(run.folder / "validation.json")
        assert kept.section("elbo").value("-ELBO") == pytest.approx(values[0])


def trials_of(out: Path, name: str = "sweep") -> list[Any]:
    """The trials as Optuna has them."""
    journal = optuna.storages.journal.JournalFileBackend(str(out / "journal.log"))
    found: list[Any] = optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(journal)).trials
    return found


def test_trackers_are_given_every_trial(
    experiment: vl.Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kept:
        """A tracker that keeps what it is given."""

        def __init__(self) -> None:
            self.runs: dict[str, list[int]] = {}
            self.latents: list[Any] = []

        def start(self, run: vl.TrackedRun) -> None:
            self.steps = self.runs.setdefault(run.folder.name, [])
            self.latents.append(run.settings["model.latent"])

        def log(self, metrics: Any, step: int) -> None:
            self.steps.append(step)

        def figure(self, name: str, figure: Any) -> None: ...

        def finish(self, outcome: vl.Outcome) -> None: ...

    monkeypatch.setattr("vaelab.tracking.trackers.draw", lambda source, left_out: ())
    kept, settings = Kept(), vl.Sweep(experiment, {"model.latent": vl.IntRange((2, 20))})
    vl.sweep(settings, tmp_path / "sweep", trials=2, log=[kept])
    assert {name: len(steps) for name, steps in kept.runs.items()} == {"trial-0000": 2, "trial-0001": 2}
    assert kept.latents == [trial.params["model.latent"] for trial in trials_of(tmp_path / "sweep")]
    with pytest.raises(vl.UserError, match="did you mean tensorboard"):
        vl.sweep(settings, tmp_path / "other", trials=1, log=["tensorbord"])
    assert not (tmp_path / "other").exists()


KILLED = """
import os, signal, sys
import optuna
from pathlib import Path
import vaelab as vl
from vaelab.data import Threshold, validation_as_test
from vaelab.evaluation import read_evaluation
from vaelab.spec import members
from vaelab.sweeps.reading import read_sweep

drawn, draw = [], optuna.trial.Trial._suggest

def killed_at_the_second(self, name, distribution):
    drawn.append(name)
    if len(drawn) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(self, name, distribution)

optuna.trial.Trial._suggest = killed_at_the_second
space, out, storage = sys.argv[1:]
vl.sweep(read_sweep(Path(space)), out, trials=2, storage=storage)
"""


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_a_process_that_is_killed_as_it_draws_leaves_no_trial_behind(
    experiment: vl.Experiment, tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken up, wherever the run is, beside a journal; in a database it is marked as failed from elsewhere."""
    space = space_file(tmp_path, experiment)
    place = str(tmp_path / "sweep.log") if storage == "journal" else f"sqlite:///{tmp_path}/sweep.db"
    killed = warm.run("-c", KILLED, space, tmp_path / "first", place)
    assert killed.returncode == -signal.SIGKILL
    shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-copy"))
    settings = read_sweep(space)

    monkeypatch.setattr("vaelab.sweeps.storage.GRACE", 1)
    time.sleep(2 if storage == "sqlite" else 0)
    vl.sweep(settings, tmp_path / "second", trials=2, storage=place)
    states = {row["trial"]: row["state"] for row in table(tmp_path / "second")}
    assert states == {"0": "complete" if storage == "journal" else "fail", "1": "complete"}

    # In the folder where it began, it is taken up in either.
    place = place.replace(str(tmp_path), f"{tmp_path}-copy")
    vl.sweep(settings, tmp_path.with_name(f"{tmp_path.name}-copy") / "first", trials=2, storage=place)
    rows = table(tmp_path.with_name(f"{tmp_path.name}-copy") / "first")
    assert {row["state"] for row in rows} == {"complete"}
    for row in rows:
        run = vl.open_run(tmp_path.with_name(f"{tmp_path.name}-copy") / f"first/trial-000{row['trial']}")
        assert str(run.experiment.training.optimiser.learning_rate) == row["training.optimiser.learning_rate"]


def test_a_trial_whose_process_was_killed_is_taken_up(experiment: vl.Experiment, tmp_path: Path) -> None:
    longer = replace(experiment, training=replace(experiment.training, epochs=150))
    space, out = space_file(tmp_path, longer), tmp_path / "sweep"
    running = warm.start("-m", "vaelab", "sweep", space, "--out", out, "--trials", "1", "--quiet")
    rows, waited = out / "trial-0000/metrics.csv", time.monotonic()
    while not rows.exists() or len(rows.read_text().splitlines()) < 3:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() - waited < PATIENCE
        time.sleep(0.01)
    running.kill()
    running.wait()
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
        ({"sampler": {"kind": "tpe", "startup": 0}}, "startup"),
        ({"sampler": "gird"}, "sampler is 'gird'.* did you mean grid"),
        ({"sampler": "grid"}, "learning_rate: has too many values for the sampler 'grid'; give a choice"),
        ({"pruner": True}, "pruner is True"),
        ({"budget": {"n_images": 0}}, "budget: .*n_images"),
        ({"measured": "evidenc: log p.x."}, "did you mean evidence"),
        ({"measured": "elbo: rate"}, "give direction, minimise or maximise"),
        ({"measured": "elbo: -ELBO", "settings": {"training.validation": 0}}, "held out"),
        ({"direction": "up"}, "direction"),
        ({"space": {}}, "space is empty"),
        ({"experiment": "vea"}, "did you mean vae"),
        ({"direktion": "maximise"}, "direktion.*did you mean direction"),
        ({"settings": {"training.validation": 0}}, "validation_total.*held out"),
        ({"measured": "validation_totl"}, "validation_totl.* did you mean validation_total"),
        ({"measured": "validation_totl", "direction": "minimise"}, "validation_totl.*columns"),
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
