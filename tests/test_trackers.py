"""Trackers: their own packages offline, objects of a user's own, and all the ways to fail."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vaelab as vl
from vaelab.data import ImageData
from vaelab.figures import chosen
from vaelab.figures.source import FigureSource
from vaelab.spec import members
from vaelab.testing import check_spec, check_tracker
from vaelab.trackers.mlflow import MLflowTracker
from vaelab.tracking import trackers
from vaelab.training import Run

from . import warm
from .conftest import Cli, mirror
from .tracker_readers import READERS, read

OWN = members(vl.TrackerSpec, own=True)
NAMES = [spec.kind for spec in OWN]
SMALL = vl.Experiment(
    model=vl.VAE(latent=2, network=vl.Mlp(hidden=(8,))), training=vl.Training(epochs=2, batch_size=100, validation=0)
)
STEPS = 3  # per epoch, of 300 images


@pytest.fixture(scope="module", autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own for what the packages write, without any server."""
    folder = tmp_path_factory.mktemp("trackers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("TRACKIO_DIR", str(folder / "trackio"))
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        yield folder


@pytest.fixture(autouse=True)
def few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """One figure, since all of them take seconds; the run that is shared has them all, since it is made before this."""
    monkeypatch.setattr(trackers, "draw", partial(trackers.draw, only=("training-curves",)))


class Notebook:
    """A tracker of a user's own."""

    def __init__(self) -> None:
        self.runs: list[vl.TrackedRun] = []
        self.given: list[tuple[int, dict[str, float]]] = []
        self.figures: list[str] = []
        self.outcomes: list[str] = []

    def start(self, run: vl.TrackedRun) -> str:
        self.runs.append(run)
        return run.id or f"page of {run.name}"

    def log(self, metrics: Any, step: int) -> None:
        self.given.append((step, dict(metrics)))

    def figure(self, name: str, figure: Any) -> None:
        self.figures.append(name)

    def finish(self, outcome: vl.Outcome) -> None:
        self.outcomes.append(outcome)


@pytest.fixture(scope="module")
def tracked(offline: Path, digits: ImageData) -> Run:
    """A run that all trackers saw, every second step of it."""
    return vl.train(SMALL, offline / "tracked", data=digits, log=NAMES, log_every=2)


@pytest.mark.parametrize("spec", OWN, ids=lambda spec: spec.kind)
def test_every_tracker_of_the_room_keeps_the_contract(spec: Any) -> None:
    assert "continues a run" in check_spec(spec()).passed


def test_every_tracker_of_the_room_is_read_back_below() -> None:
    assert set(NAMES) == set(READERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_has_every_epoch_as_metrics_csv_has_it(name: str, tracked: Run) -> None:
    points = read(tracked.folder, name).points
    for column in tracked.rows[0]:
        steps, values = zip(*points[column], strict=True)
        assert steps == (STEPS, 2 * STEPS)
        np.testing.assert_allclose(values, [row[column] for row in tracked.rows], rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_has_the_steps_that_were_asked_for(name: str, tracked: Run) -> None:
    points = read(tracked.folder, name).points
    assert [step for step, _ in points["step_loss"]] == [2, 4, 6]
    for (step, loss), (_, reconstruction), (_, kl), (_, beta) in zip(
        *(points[f"step_{name}"] for name in ("loss", "reconstruction", "kl", "beta")), strict=True
    ):
        assert loss == pytest.approx(reconstruction + beta * kl, rel=1e-4), step
        assert beta == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_has_the_settings_and_the_figures(name: str, tracked: Run) -> None:
    seen = read(tracked.folder, name)
    assert str(seen.settings["model.prior.kind"]) == "standard-normal"
    assert float(seen.settings["training.batch_size"]) == 100
    assert seen.settings["data_sha256"] == tracked.record.data_sha256
    assert seen.figures == {entry.name for entry in chosen(FigureSource.of_run(tracked, tracked.data))}


def test_trackers_know_how_a_run_ended(tracked: Run) -> None:
    assert read(tracked.folder, "mlflow").ended == "FINISHED"
    assert read(tracked.folder, "wandb").ended == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_prolonged_run_goes_on_where_the_tracker_has_it(name: str, tracked: Run, digits: ImageData) -> None:
    before = json.loads((tracked.folder / "trackers.json").read_text())["trackers"]
    epochs = len(vl.open_run(tracked.folder).rows) + 1
    vl.resume(tracked.folder, epochs=epochs, data=digits, log=name)
    after = json.loads((tracked.folder / "trackers.json").read_text())["trackers"]
    assert [each["id"] for each in after] == [each["id"] for each in before]
    steps = [step for step, _ in read(tracked.folder, name).points["test_total"]]
    # It was not asked for the epochs between, and is given them now.
    assert steps == [STEPS * epoch for epoch in range(1, epochs + 1)]


def test_a_tracked_run_leaves_the_same_files_as_any_other(tmp_path: Path, digits: ImageData) -> None:
    class Random(Notebook):
        def log(self, metrics: Any, step: int) -> None:
            torch.rand(3)

    settings = replace(SMALL, training=replace(SMALL.training, checkpoint_seconds=0.0))
    vl.train(settings, tmp_path / "plain", data=digits)
    vl.train(settings, tmp_path / "tracked", data=digits, log=Random(), log_every=1)
    for name in ("experiment.json", "last.safetensors"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "tracked" / name).read_bytes()
    assert {path.name for path in (tmp_path / "tracked").iterdir()} - {
        path.name for path in (tmp_path / "plain").iterdir()
    } == {"trackers.json"}


def test_an_object_of_a_users_own_is_given_everything_in_order(tmp_path: Path, digits: ImageData) -> None:
    mine = Notebook()
    run = vl.train(SMALL, tmp_path / "mine", data=digits, log=[mine], log_every=1)
    assert [(step, "test_total" in metrics, "step_loss" in metrics) for step, metrics in mine.given] == [
        *((step, False, True) for step in (1, 2, 3)),
        (3, True, False),
        *((step, False, True) for step in (4, 5, 6)),
        (6, True, False),
    ]
    assert mine.figures == ["training-curves"]
    assert mine.outcomes == ["finished"]
    (seen,) = mine.runs
    assert (seen.name, seen.settings["model.latent"]) == ("mine", run.experiment.model.latent)
    assert check_tracker(Notebook).name == "Notebook"


@pytest.mark.parametrize("method", ["start", "log", "figure", "finish"])
def test_a_tracker_that_raises_costs_one_warning_and_nothing_else(
    method: str, tmp_path: Path, digits: ImageData
) -> None:
    def fails(*_: object) -> None:
        calls.append(method)
        raise RuntimeError("no more paper\nand a second line")

    broken, whole, calls = Notebook(), Notebook(), []
    setattr(broken, method, fails)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = vl.train(SMALL, tmp_path / "run", data=digits, log=[broken, Whole(whole)], log_every=1)
    (line,) = [str(each.message) for each in said if issubclass(each.category, UserWarning)]
    assert "Notebook is dropped, and the run goes on without it: RuntimeError: no more paper" in line
    assert "\n" not in line
    noted = [event["says"] for event in _events(run.folder) if event["event"] == "tracker"]
    assert noted == [line]
    assert calls == [method]
    assert len(run.rows) == 2
    assert len(whole.given) == 8
    assert whole.outcomes == ["finished"]


class Whole:
    """The same with another name."""

    def __init__(self, inner: Notebook) -> None:
        for method in ("start", "log", "figure", "finish"):
            setattr(self, method, getattr(inner, method))


def test_a_tracker_that_failed_gets_later_what_it_missed(tmp_path: Path, digits: ImageData) -> None:
    broken = Notebook()
    broken.log = lambda metrics, step: 1 / 0  # type: ignore[method-assign]
    with pytest.warns(UserWarning, match="ZeroDivisionError"):
        vl.train(SMALL, tmp_path / "run", data=digits, log=broken)
    mended = Notebook()
    vl.resume(tmp_path / "run", epochs=3, data=digits, log=mended)
    assert [step for step, _ in mended.given] == [3, 6, 9]
    assert mended.runs[0].id == "page of run"


def test_an_interrupted_run_says_so_and_goes_on(tmp_path: Path, digits: ImageData) -> None:
    class Impatient(Notebook):
        def log(self, metrics: Any, step: int) -> None:
            super().log(metrics, step)
            if step == 1:
                signal.raise_signal(signal.SIGINT)

    first, second = Impatient(), Notebook()
    with pytest.raises(KeyboardInterrupt):
        vl.train(SMALL, tmp_path / "run", data=digits, log=Whole(first), log_every=1)
    assert first.outcomes == ["interrupted"]
    vl.resume(tmp_path / "run", data=digits, log=Whole(second), log_every=1)
    assert [step for step, _ in first.given + second.given] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert second.outcomes == ["finished"]


def test_a_run_that_fails_gives_its_last_steps_and_says_so(tmp_path: Path, digits: ImageData) -> None:
    def diverges(trace: vl.Trace, progress: vl.Progress) -> torch.Tensor:
        return trace.total.mean() * (math.inf if progress.step == 2 else 1.0)

    mine = Notebook()
    experiment = vl.Experiment(model=SMALL.model, objective=diverges, training=SMALL.training)
    with pytest.raises(vl.UserError, match="loss is not finite"):
        vl.train(experiment, tmp_path / "run", data=digits, log=mine, log_every=1)
    assert mine.outcomes == ["failed"]
    assert [np.isfinite(metrics["step_loss"]) for _, metrics in mine.given] == [True, True, False]
    # Nothing was saved, so the folder is free for another run.
    assert not (tmp_path / "run").exists()


BOMB = """
import os, signal
from dataclasses import dataclass, replace
import vaelab as vl

@dataclass(frozen=True)
class Bomb(vl.TrackerSpec):
    def build(self):
        return self

    def start(self, run): ...

    def log(self, metrics, step):
        if step == 13:
            os.kill(os.getpid(), signal.SIGKILL)

    def figure(self, name, figure): ...

    def finish(self, outcome): ...
"""


def test_a_killed_run_resumes_without_a_step_twice_or_left_out(offline: Path, digits_file: Path) -> None:
    (offline / "bomb.py").write_text(BOMB)
    words = f"train vae --plugin bomb --data npz:{digits_file} network:mlp --batch-size 30 --epochs 2 --validation 0"
    flags = "--checkpoint-seconds 0 --log-every 1 --out killed --log tensorboard mlflow bomb wandb trackio"
    # W&B's processes would share a service, as those of two shells do not.
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    done = warm.run("-m", "vaelab", *words.split(), *flags.split(), environment=environment)
    assert done.returncode == -signal.SIGKILL, done.stderr
    vl.resume("killed", log=NAMES, log_every=1)
    for name in NAMES:
        points = read(Path("killed"), name).points
        # W&B and trackio write in the background, so a kill can take their last second.
        since = 12 if name in ("wandb", "trackio") else 0
        steps = [step for step, _ in points["step_loss"]]
        assert len(set(steps)) == len(steps), name
        assert [step for step in steps if step > since] == list(range(since + 1, 21)), name
        assert [step for step, _ in points["test_total"] if step > since] == [10, 20][since // 10 :], name


@pytest.fixture
def fresh_wandb() -> Iterator[None]:
    """W&B reads its environment once per process, unless it is taken down."""
    import wandb  # here, since every process of the tests would wait for it

    wandb.teardown()
    yield
    wandb.teardown()


@pytest.mark.usefixtures("fresh_wandb")
def test_a_server_that_is_not_there_costs_one_line(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    words = ["train", "vae", "--data", f"npz:{digits_file}", "network:mlp", "--epochs", "1", "--quiet", "--out", "run"]
    environment = {"WANDB_BASE_URL": address, "WANDB_MODE": "online", "WANDB_API_KEY": "0123456789" * 4}
    done = cli(*words, "--log", f"mlflow:{address}", "wandb", **environment)
    of_mlflow, of_wandb = done.stderr.splitlines()
    assert f"no server answers at {address} (connection refused); start it with `mlflow server`" in of_mlflow
    assert f"no server answers at {address} (connection refused); choose offline mode (WANDB_MODE=offline)" in of_wandb
    assert "1 epochs; test set" in done.stdout
    # No key in any file of the run.
    for file in (tmp_path / "run").iterdir():
        assert b"0123456789" * 4 not in file.read_bytes()


@pytest.mark.usefixtures("fresh_wandb")
def test_wandb_without_a_key_costs_one_line(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    words = ["train", "vae", "--data", f"npz:{digits_file}", "network:mlp", "--epochs", "1", "--quiet", "--out", "run"]
    with mirror(tmp_path) as address:
        (line,) = cli(
            *words, "--log", "wandb", WANDB_BASE_URL=address.rstrip("/"), WANDB_MODE="online", HOME=str(tmp_path)
        ).stderr.splitlines()
    assert "wandb is dropped" in line
    assert "wandb login" in line


def test_a_server_that_stops_answering_is_given_up_soon(tmp_path: Path, digits: ImageData) -> None:
    from mlflow import MlflowClient

    asked: list[str] = []

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            pass

    class Lost(MLflowTracker):
        def start(self, run: vl.TrackedRun) -> str:
            id = super().start(run)
            self.client = MlflowClient(f"http://127.0.0.1:{server.server_port}")
            return id

    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.warns(UserWarning, match="Lost is dropped"):
        run = vl.train(SMALL, tmp_path / "run", data=digits, log=Lost(vl.MLflow()))
    server.shutdown()
    assert len(run.rows) == 2
    # For an epoch and at the end, each time once more; MLflow itself would go on for minutes.
    assert len([path for path in asked if path.endswith("log-batch")]) == 4
    assert not {"MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"} & set(os.environ)


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("tensorbord", "log is 'tensorbord', but must be one of tensorboard[:DIRECTORY], wandb[:PROJECT], "),
        (["mlflow", "mlflow"], "log has 'mlflow' twice"),
        ([3], "log has 3, but must have words such as 'tensorboard'"),
        ([vl.MLflow], "log has <class 'vaelab.trackers.MLflow'>, but must have words"),
        (None, "log has None, but must have words"),
        (["tensorboard:"], "log is 'tensorboard:', but must be one of"),
    ],
    ids=str,
)
def test_what_is_no_tracker_is_refused_before_anything_is_made(log: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(vl.UserError) as refused:
        vl.train(SMALL, tmp_path / "run", data="digits", log=log)
    assert says in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_flags_that_do_not_go_together_are_refused_in_one_line(cli: Cli) -> None:
    words = ["train", "vae", "--data", "digits", "--out", "run"]
    assert "but there is no tracker; name one, such as --log" in cli(*words, "--log-every", "2", code=2).stderr
    assert "log_every is -1" in cli(*words, "--log", "mlflow", "--log-every", "-1", code=2).stderr
    assert "--log has no value" in cli(*words, "--log", "--epochs", "1", code=2).stderr
    assert "did you mean wandb?" in cli(*words, "--log", "wand", code=2).stderr


@pytest.mark.parametrize("package", ["tensorboard", "wandb", "mlflow", "trackio"])
def test_without_the_extra_one_line_says_how_to_get_it(package: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # type: ignore[arg-type]
    words = ["train", "vae", "--data", "digits", "--out", "run", "--log", package]
    assert cli(*words, code=2).stderr == (
        f"vaelab: log has '{package}', but {package} is not installed; pip install 'vaelab[track]', or leave it out\n"
    )


def test_a_password_is_refused_and_never_shown(tmp_path: Path, digits: ImageData) -> None:
    with pytest.raises(vl.UserError, match="MLFLOW_TRACKING_PASSWORD") as refused:
        vl.MLflow("http://anna:secret@127.0.0.1:9")
    assert "secret" not in str(refused.value)

    class Talkative(Notebook):
        def start(self, run: vl.TrackedRun) -> str:
            raise RuntimeError("cannot reach http://anna:secret@example.org/api")

    with pytest.warns(UserWarning, match="cannot reach http://example.org/api"):
        run = vl.train(SMALL, tmp_path / "run", data=digits, log=Talkative())
    assert all(b"secret" not in file.read_bytes() for file in run.folder.iterdir())


def test_a_damaged_list_of_trackers_costs_a_warning(tmp_path: Path, digits: ImageData) -> None:
    vl.train(SMALL, tmp_path / "run", data=digits, log=Notebook())
    (tmp_path / "run" / "trackers.json").write_text('{"trackers": [{"name": 3}], "format": 1}')
    mine = Notebook()
    with pytest.warns(UserWarning, match=r"trackers begin anew: .*trackers\.json: trackers\.0\.name"):
        vl.resume(tmp_path / "run", epochs=3, data=digits, log=mine)
    assert [step for step, _ in mine.given] == [3, 6, 9]


PLUGIN = '''
import json
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
import vaelab as vl

@dataclass(frozen=True)
class Journal(vl.TrackerSpec):
    """Lines in a file."""

    path: str = "journal.txt"

    def build(self):
        return Lines(Path(self.path))

class Lines:
    def __init__(self, path):
        self.path = path

    def write(self, line):
        with self.path.open("a") as file:
            file.write(line + "\\n")

    def start(self, run):
        self.write(f"start {run.name}")

    def log(self, metrics, step):
        self.write(f"log {step}")

    def figure(self, name, figure):
        self.write(f"figure {name}")

    def finish(self, outcome):
        self.write(f"finish {outcome}")
'''


def test_a_plugins_tracker_is_a_word_like_any_other(forked: Cli, digits_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    words = f"train vae --plugin mine --data npz:{digits_file} network:mlp --epochs 1 --out run --log journal:diary.txt"
    forked(*words.split())
    lines = (tmp_path / "diary.txt").read_text().splitlines()
    assert lines[:2] == ["start run", "log 3"]
    assert "figure reconstructions" in lines
    assert lines[-1] == "finish finished"


def test_trackers_are_listed_with_their_fields(cli: Cli) -> None:
    listed = cli("parts", "tracker").stdout
    assert "mlflow[:URI]" in listed
    assert "such as http://localhost:5000" in listed.lower()


def test_a_study_logs_each_of_its_runs(tmp_path: Path, digits: ImageData) -> None:
    class One(vl.Study):
        def plan(self, settings: vl.StudySettings) -> dict[str, vl.Experiment]:
            return {"small": SMALL}

        def measure(self, run: Run, settings: vl.StudySettings) -> dict[str, float]:
            return {"total": run.rows[-1]["test_total"]}

        def table(self, results: dict[str, Any]) -> vl.Table:
            return vl.Table("totals", ("run",), (("small",),))

    mine = Notebook()
    vl.run_study(One(), vl.StudySettings(tmp_path, digits, epochs=1, seeds=2, log=[mine]))
    assert [run.name for run in mine.runs] == ["small-seed0", "small-seed1"]
    assert mine.outcomes == ["finished", "finished"]


@dataclass(frozen=True)
class Fault:
    method: str
    returns: Any
    says: str


@pytest.mark.parametrize(
    "fault",
    [
        Fault("log", "raises", r"Faulty\.log failed: RuntimeError: broken"),
        Fault("figure", "raises", r"Faulty\.figure failed"),
        Fault("finish", "raises", r"Faulty\.finish failed"),
        Fault("start", 3, r"Faulty\.start returned 3, but must return a text or None"),
        Fault("start", "the only one", r"returned 'the only one' for two runs"),
    ],
    ids=lambda fault: f"{fault.method} {fault.returns}",
)
def test_the_contract_test_finds_planted_faults(fault: Fault) -> None:
    class Faulty(Notebook):
        pass

    def broken(*_: object) -> Any:
        if fault.returns == "raises":
            raise RuntimeError("broken")
        return fault.returns

    setattr(Faulty, fault.method, broken)
    with pytest.raises(vl.UserError, match=fault.says):
        check_tracker(Faulty)


def _events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
