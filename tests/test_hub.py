"""Pushing to and pulling from a Hub: a real server on this machine that speaks its API."""

from __future__ import annotations

import builtins
import json
import os
import pickle
import shutil
import socket
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

# Read when huggingface_hub is first imported: no token and no settings of whoever runs the tests.
os.environ["HF_HOME"] = tempfile.mkdtemp()
os.environ.pop("HF_TOKEN", None)

import vaelab as vl
from vaelab.evaluation import Evaluation, Number, Section
from vaelab.models.files import weights_digest
from vaelab.training.folder import RunFolder

from . import warm
from .conftest import SMALL_FILES, Cli
from .hub_server import OWNER, TOKEN, Hub, hub as a_hub

REPO = f"{OWNER}/digits"


@dataclass(frozen=True)
class OwnNetwork(vl.Mlp):
    """A network of a user's own."""


@pytest.fixture(scope="module")
def trained(digits_file: Path, tmp_path_factory: pytest.TempPathFactory) -> vl.Run:
    """A run of two epochs on a file whose folder is nobody's business, with an evaluation, ONNX files and a figure."""
    folder = tmp_path_factory.mktemp("secret-client") / "first"
    data = digits_file.parent / "secret-project" / "digits.npz"
    data.parent.mkdir()
    shutil.copy(digits_file, data)
    experiment = vl.Experiment(
        data=vl.Npz(str(data)),
        model=vl.VAE(latent=2, network=vl.Mlp(hidden=(8,))),
        training=vl.Training(epochs=2, batch_size=64),
    )
    run = vl.train(experiment, folder)
    numbers = (
        Number("log p(x|z)", -131.407, "nats per image", (-132.3, -130.5), "by quadrature | 60 images"),
        Number("active units", 2),
    )
    Evaluation(
        "first",
        weights_digest(run.model),
        (Section("evidence", numbers, ("Too <few> images.",), {"images": 60, "seed": 0}),),
        {"gaps": f"data folder '{data.parent}' is away"},
        f"vaelab evaluate {folder} --data npz:{data}",
        "a machine",
    ).write(folder / "evaluation.json")
    # Files that only travel: making real ones takes long.
    for name in ("onnx/encoder.onnx", "onnx/decoder.onnx"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(f"graph of the {name}".encode())
    (folder / "figures").mkdir()
    (folder / "figures" / "samples.png").write_bytes(b"\x89PNG of samples")
    (folder / "figures" / "notes.txt").write_text("for myself")
    return run


@pytest.fixture
def hub() -> Iterator[Hub]:
    with a_hub() as server:
        yield server


@pytest.fixture
def pushed(trained: vl.Run, hub: Hub) -> vl.Pushed:
    return push(trained, hub)


def push(run: Any, hub: Hub, **options: Any) -> Any:
    return vl.push_to_hub(run, **{"repo": REPO, "endpoint": hub.endpoint, "token": TOKEN, "license": "mit"} | options)


def refused(function: Any, *arguments: Any, **options: Any) -> str:
    """The one line of a refusal."""
    with pytest.raises(vl.UserError) as caught:
        function(*arguments, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    return line


def test_a_round_trip_gives_the_same_bytes_and_the_same_images(
    trained: vl.Run, hub: Hub, pushed: Any, tmp_path: Path
) -> None:
    run = vl.from_hub(REPO, endpoint=hub.endpoint, cache=tmp_path)
    assert run.folder.name == "digits"
    assert run.folder.parent.name == pushed.commit
    for name in ("last.safetensors", "best.safetensors", "metrics.csv", "onnx/decoder.onnx", "figures/samples.png"):
        assert (run.folder / name).read_bytes() == (trained.folder / name).read_bytes()
    z = torch.randn(5, 2)
    assert torch.equal(run.model.generate(5, given=z), trained.model.generate(5, given=z))
    assert run.rows == trained.rows
    kept = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert kept == set(pushed.sent)
    assert not any(word in name for name in kept for word in ("checkpoint", "lock", "notes"))
    # A commit that is at hand needs no network.
    again = vl.from_hub(REPO, revision=pushed.commit, endpoint=hub.endpoint, cache=tmp_path)
    asked = len(hub.asked)
    vl.from_hub(REPO, revision=pushed.commit, endpoint=hub.endpoint, cache=tmp_path)
    assert len(hub.asked) == asked
    assert again.folder == run.folder


def test_only_what_changed_is_sent_and_what_is_gone_is_removed(trained: vl.Run, hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained.folder, folder)
    first = push(folder, hub)
    hub.repo("digits").commit(hub.repo("digits").files() | {"NOTES.md": b"by hand"})
    assert push(folder, hub).sent == ()
    assert len(hub.repo("digits").messages) == 3
    (folder / "figures" / "samples.png").unlink()
    (folder / "figures" / "film.gif").write_bytes(b"GIF")
    second = push(folder, hub, message="a film")
    assert set(second.sent) == {"README.md", "figures/film.gif"}
    assert second.removed == ("figures/samples.png",)
    there = set(hub.repo("digits").files())
    assert {"NOTES.md", "figures/film.gif"} <= there
    assert "figures/samples.png" not in there
    assert hub.repo("digits").messages[-1] == "a film"
    assert first.commit != second.commit


def test_revisions_are_branches_and_commits(trained: vl.Run, hub: Hub, pushed: Any, tmp_path: Path) -> None:
    other = vl.train(
        replace(trained.experiment, training=replace(trained.experiment.training, seed=1, epochs=1)), tmp_path / "other"
    )
    later = push(other, hub, revision="trial")
    weights = {
        revision: weights_digest(
            vl.from_hub(REPO, revision=revision, endpoint=hub.endpoint, cache=tmp_path / "cache").model
        )
        for revision in (None, "main", pushed.commit, "trial", later.commit)
    }
    assert weights[None] == weights["main"] == weights[pushed.commit] == weights_digest(trained.model)
    assert weights["trial"] == weights[later.commit] == weights_digest(other.model)
    line = refused(vl.from_hub, REPO, revision="v9", endpoint=hub.endpoint, cache=tmp_path)
    assert "revision is 'v9', but ann/digits has no such branch, tag or commit" in line
    assert "leave it out" in refused(vl.from_hub, REPO, revision="", endpoint=hub.endpoint, cache=tmp_path)


def test_a_private_repo_needs_a_token(
    trained: vl.Run, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(trained, hub, private=True)
    assert hub.repo("digits").private
    line = refused(vl.from_hub, REPO, endpoint=hub.endpoint, cache=tmp_path)
    assert "is private; check the name, or log in with `hf auth login`, or set HF_TOKEN" in line
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert vl.from_hub(REPO, endpoint=hub.endpoint, cache=tmp_path).rows == trained.rows
    assert "not for this token" in refused(vl.from_hub, f"{OWNER}/none", endpoint=hub.endpoint, cache=tmp_path)
    # A push that asks for privacy never goes to a public repo.
    hub.repo("digits").private = False
    before = hub.repo("digits").messages.copy()
    assert "is public, but private was asked for" in refused(push, trained, hub, private=True)
    assert hub.repo("digits").messages == before


def test_a_push_that_was_killed_goes_on(trained: vl.Run, hub: Hub, tmp_path: Path) -> None:
    hub.stall_upload = 1
    words = ["-m", "vaelab", "push", trained.folder, REPO, "--endpoint", hub.endpoint]
    process = warm.start(*words, environment=os.environ | {"HF_TOKEN": TOKEN})
    try:
        assert hub.stalled.wait(100), process.poll()
    finally:
        process.kill()
        process.wait()
    assert hub.repo("digits").messages == ["initial"], "nobody sees half a push"
    hub.stall_upload = None
    first = list(hub.uploads)
    assert len(first) == 1
    result = push(trained, hub)
    assert hub.uploads[: len(first)] == first
    assert len(set(hub.uploads)) == len(hub.uploads), "what had arrived is not sent again"
    assert len(hub.repo("digits").messages) == 2
    run = vl.from_hub(REPO, revision=result.commit, endpoint=hub.endpoint, cache=tmp_path)
    assert weights_digest(run.model) == weights_digest(trained.model)


def test_a_pull_goes_on_after_a_dropped_connection_and_is_whole_or_absent(
    trained: vl.Run, hub: Hub, pushed: Any, cli: Cli, tmp_path: Path
) -> None:
    hub.drop_once = "last.safetensors"
    words = ("pull", REPO, "--endpoint", hub.endpoint, "--out")
    said = cli(*words, "x")
    assert said.stdout.splitlines() == ["x", f"commit {pushed.commit}"]
    assert (tmp_path / "x/last.safetensors").read_bytes() == (trained.folder / "last.safetensors").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"x"}
    assert "is not empty; choose a new folder" in cli(*words, "x", code=2).stderr
    # The same length, other bytes: the digest tells.
    hub.damage = "last.safetensors"
    assert "last.safetensors of ann/digits is not what" in cli(*words, "y", code=2).stderr
    assert not (tmp_path / "y").exists()
    hub.damage = ""
    cli(*words, "y", "--quiet")
    assert (tmp_path / "y/last.safetensors").read_bytes() == (trained.folder / "last.safetensors").read_bytes()


def test_other_commands_take_a_pulled_folder(
    digits_file: Path, trained: vl.Run, hub: Hub, pushed: Any, cli: Cli, tmp_path: Path
) -> None:
    cli("pull", REPO, "--out", "x", "--endpoint", hub.endpoint, "--quiet")
    assert "left out" in cli("figures", "x", "--only", "training-curves").stderr
    data = f"npz:{digits_file}"
    cli("evaluate", "x", "--only", "elbo", "--data", data, "--images", "20", "--quiet")
    evaluation = vl.evaluation.read_evaluation(tmp_path / "x/evaluation.json")
    assert {section.part for section in evaluation.sections} == {"evidence", "elbo"}
    cli("report", "x")
    assert str(RunFolder(trained.folder).events()[0]["machine"]) in (tmp_path / "report.html").read_text()
    line = refused(vl.resume, tmp_path / "x", data=data)
    assert "without its checkpoint, such as one from a Hub" in line
    assert (tmp_path / "x/last.safetensors").read_bytes() == (trained.folder / "last.safetensors").read_bytes()


def test_the_card_says_what_was_measured_and_how(trained: vl.Run, hub: Hub, pushed: Any) -> None:
    from huggingface_hub import ModelCard

    text = hub.repo("digits").files()["README.md"].decode()
    card = ModelCard(text)
    assert (card.data.library_name, card.data.license, card.data.model_name) == ("vaelab", "mit", "digits")
    results = {each.metric_name: each for each in card.data.eval_results}
    evidence = results["log p(x|z) (Evaluation: evidence)"]
    assert evidence.metric_value == -131.407
    assert evidence.metric_args == {"unit": "nats per image", "interval_95": [-132.3, -130.5]}
    # Grey pixels: the number is named by what it is.
    assert results["cross-entropy (Test images, last epoch)"].metric_type == "cross-entropy"
    assert results["active units (Evaluation: evidence)"].metric_args is None
    for words in (
        'run = vl.from_hub("ann/digits")',
        "| log p(x\\|z) | -131.41 | -132.30 to -130.50 | nats per image | by quadrature \\| 60 images |",
        "A cross-entropy on grey pixels is not a log-likelihood.",
        "Too &lt;few> images.",
        "| seed | 0 |",
        "vaelab train --config digits/experiment.json --out digits-again",
        f"npz:digits.npz, sha256 `{trained.record.data_sha256}`",
        "gaps was not measured: data folder 'secret-project' is away.",
        "The weights: `mit`.",
        "![samples](figures/samples.png)",
    ):
        assert words in text


def test_the_three_lines_of_the_card_load_the_model(
    hub: Hub, pushed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = hub.repo("digits").files()["README.md"].decode().split("```python\n")[1].split("```")[0]
    assert len(code.split("\n\n")[-1].splitlines()) <= 3
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "XDG_CACHE_HOME": str(tmp_path)}
    done = warm.run("-c", f"{code}\nprint(tuple(images.shape))", environment=environment)
    assert done.stdout == "(16, 1, 28, 28)\n", done.stderr


def test_without_a_licence_the_card_and_the_push_say_so(trained: vl.Run, hub: Hub) -> None:
    lines: list[str] = []
    push(trained, hub, license=None, say=lines.append)
    assert "None was given" in hub.repo("digits").files()["README.md"].decode()
    assert any("no licence is given" in line for line in lines)
    assert '"license" must be one of' in refused(push, trained, hub, license="no-such")


def test_an_evaluation_of_other_weights_is_left_out(trained: vl.Run, hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained.folder, folder)
    path = folder / "evaluation.json"
    replace(vl.evaluation.read_evaluation(path), weights_sha256="0").write(path)
    lines: list[str] = []
    assert "evaluation.json" not in push(folder, hub, say=lines.append).sent
    assert any("older than the weights" in line for line in lines)
    assert "-131.41" not in hub.repo("digits").files()["README.md"].decode()


def test_nothing_of_the_machine_is_published(trained: vl.Run, hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "secret-holiday" / "second"
    started = replace(trained.experiment, start=str(trained.folder), training=vl.Training(epochs=1))
    run = vl.train(started, folder)
    RunFolder(folder).log("skipped", files=["/mnt/secret-images/patient 7.png"])
    shutil.copy(trained.folder / "evaluation.json", folder)
    push(run, hub, repo=f"{OWNER}/second")
    push(trained, hub)
    for repo in hub.repos.values():
        everything = b"".join(repo.files().values())
        for word in (b"secret", b"patient", str(Path.home()).encode() + b"/", tempfile.gettempdir().encode()):
            assert word not in everything.replace(b"'secret-project' is away", b""), word
        assert socket.gethostname().encode() not in everything
    settings = json.loads(hub.repo("second").files()["experiment.json"])["experiment"]
    assert (settings["start"], settings["data"]["path"]) == ("first", "digits.npz")
    assert json.loads(hub.repo("digits").files()["evaluation.json"])["command"] == (
        "vaelab evaluate first --data npz:digits.npz"
    )


@dataclass(frozen=True)
class Looked(vl.Mlp):
    """A network whose settings name a file."""

    table: str = "/home/ann/table.csv"


def test_a_model_whose_header_names_a_folder_is_refused(digits: Any, tmp_path: Path, hub: Hub) -> None:
    experiment = vl.Experiment(model=vl.VAE(network=Looked(hidden=(4,))), training=vl.Training(epochs=1))
    run = vl.train(experiment, tmp_path / "run", data=digits)
    assert "names a folder of this machine" in refused(push, run, hub)
    assert hub.repos == {}


def test_a_foreign_part_is_never_imported(digits: Any, hub: Hub, tmp_path: Path, forked: Cli) -> None:
    experiment = vl.Experiment(model=vl.VAE(network=OwnNetwork(hidden=(4,))), training=vl.Training(epochs=1))
    push(vl.train(experiment, tmp_path / "run", data=digits), hub)
    card = hub.repo("digits").files()["README.md"].decode()
    name = f"{OwnNetwork.__module__}:OwnNetwork"
    assert f"`{name}`, the network" in card
    # The class is at hand here; in a new process its module could be imported, but is not.
    run = vl.from_hub(REPO, endpoint=hub.endpoint, cache=tmp_path / "cache")
    assert run.model.spec.network == OwnNetwork(hidden=(4,))
    files = dict(hub.repo("digits").files())
    (tmp_path / "mine.py").write_text("raise SystemExit('it was imported')\n")
    record = json.loads(files["experiment.json"])
    record["experiment"]["model"]["network"]["kind"] = "mine:Net"
    hub.repo("digits").commit(files | {"experiment.json": json.dumps(record).encode()})
    code = (
        "import sys, vaelab as vl\n"
        f"try: vl.from_hub('{REPO}', endpoint='{hub.endpoint}', cache='cache')\n"
        "except vl.UserError as error: print(error); assert 'mine' not in sys.modules\n"
    )
    done = warm.run("-c", code, folder=tmp_path)
    assert "needs the class mine:Net, which is not imported; import mine first, pass specs=[Net]" in done.stdout, done
    # The files can be had all the same.
    forked("pull", REPO, "--out", "x", "--endpoint", hub.endpoint)
    assert (tmp_path / "x/last.safetensors").exists()


class Trap:
    """A pickle that leaves a mark when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


def test_pickles_are_neither_fetched_nor_opened(hub: Hub, pushed: Any, cli: Cli, tmp_path: Path) -> None:
    trap = pickle.dumps(Trap(tmp_path / "mark"))
    bad = dict.fromkeys(("pytorch_model.bin", "model.pkl", "weights.pt", "figures/x.pkl"), trap)
    files = hub.repo("digits").files()
    hub.repo("digits").commit(files | bad | {"run.py": b"raise SystemExit", "figures/../../evil.png": b""})
    vl.from_hub(REPO, endpoint=hub.endpoint, cache=tmp_path / "cache")
    fetched = [line for line in hub.asked if "/resolve/" in line]
    assert not any(word in line for line in fetched for word in (".bin", ".pkl", ".pt", ".py", ".."))
    hub.repo("digits").commit({"experiment.json": files["experiment.json"], **bad})
    asked = len(hub.asked)
    said = cli("pull", REPO, "--out", "x", "--endpoint", hub.endpoint, code=2).stderr
    assert "holds no run of vaelab (no last.safetensors); it has pytorch_model.bin, which may run code" in said
    assert said.count("\n") == 1
    assert len(hub.asked) == asked + 1
    # A pickle under the name of a model is no safetensors file.
    hub.repo("digits").commit(files | {"last.safetensors": trap})
    assert "is not a complete safetensors file" in refused(
        vl.from_hub, REPO, endpoint=hub.endpoint, cache=tmp_path / "cache"
    )
    assert not (tmp_path / "mark").exists()


NAMES = ["digits", "ann/digits/x", "ann/..", "/etc", "ann/a b", "ann/", "", "ann/x--y", "änn/x"]


@pytest.mark.parametrize("name", NAMES)
def test_malformed_names_are_refused(name: str, trained: vl.Run, hub: Hub) -> None:
    for function in (lambda: vl.from_hub(name, endpoint=hub.endpoint), lambda: push(trained, hub, repo=name)):
        assert f"repo is {name!r}, but must be OWNER/NAME" in refused(function)
    assert hub.asked == []


def test_bad_input_gets_one_line(trained: vl.Run, hub: Hub, pushed: Any, cli: Cli, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no run (no experiment.json)" in refused(push, empty, hub)
    shutil.copy(trained.folder / "experiment.json", empty)
    assert "has no model yet (no last.safetensors); train an epoch first" in refused(push, empty, hub)
    assert "a model without its run" in refused(push, trained.folder / "last.safetensors", hub)
    assert "does not allow this for bob/digits" in refused(push, trained, hub, repo="bob/digits")
    assert "wants a token that it accepts" in refused(push, trained, hub, token="hf_wrong")
    assert "a space or a letter" in refused(push, trained, hub, token=f"{TOKEN}\n")
    hub.complaint = (412, f"a commit has happened since, token {TOKEN}")
    assert "was changed at" in refused(push, trained, hub, license="apache-2.0")
    hub.complaint = (507, "no space left")
    assert "answered with status 507 (no space left)" in refused(push, trained, hub, license="apache-2.0")
    assert "but must be an address such as" in refused(vl.from_hub, REPO, endpoint="localhost:1")
    line = cli("pull", f"{OWNER}/none", "--out", "x", "--endpoint", hub.endpoint, code=2).stderr
    assert line.startswith(f"vaelab: repo '{OWNER}/none' is not at {hub.endpoint}, or is private")
    assert line.count("\n") == 1
    assert not list(tmp_path.glob("*x*"))


def test_an_endpoint_that_cannot_be_reached(trained: vl.Run, cli: Cli, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
        for words in (("pull", REPO, "--out", "x"), ("push", trained.folder, REPO)):
            line = cli(*words, "--endpoint", endpoint, code=2).stderr.splitlines()[-1]
            assert line.startswith(f"vaelab: endpoint {endpoint} cannot be reached (ConnectError")
    assert not list(tmp_path.glob("*x*"))


def test_a_full_disk_is_one_line(hub: Hub, pushed: Any, tmp_path: Path) -> None:
    """A file size limit of the system makes writes fail, like a full disk or a quota."""
    large = os.urandom(300_000)
    hub.repo("digits").commit(hub.repo("digits").files() | {"figures/large.png": large})
    words = ["pull", REPO, "--out", "x", "--endpoint", hub.endpoint, "--quiet"]
    done = warm.run("-c", SMALL_FILES, *words, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stderr
    assert "free or choose another place" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_no_token_is_in_a_log_a_file_or_an_output(trained: vl.Run, hub: Hub, tmp_path: Path) -> None:
    # Everything that any library logs at its lowest level, in a process of its own.
    code = (
        "import logging, sys, vaelab as vl\n"
        "from vaelab.cli import main\n"
        "logging.basicConfig(level=1, filename='log')\n"
        f"hub, repo, folder = {hub.endpoint!r}, {REPO!r}, {str(trained.folder)!r}\n"
        "assert main(['push', folder, repo, '--endpoint', hub, '--private']) == 0\n"
        "assert main(['pull', repo, '--endpoint', hub, '--out', 'x']) == 0\n"
        "assert main(['pull', 'ann/none', '--endpoint', hub, '--out', 'y']) == 2\n"
        "assert main(['push', folder, 'bob/none', '--endpoint', hub]) == 2\n"
        "try: vl.push_to_hub(folder, repo, endpoint='http://127.0.0.1:1')\n"
        "except vl.UserError: logging.exception('refused')\n"
        "print(vl.push_to_hub(folder, repo, endpoint=hub))\n"
    )
    environment = os.environ | {"HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "hf"), "XDG_CACHE_HOME": str(tmp_path)}
    environment |= {"HF_DEBUG": "1"}
    done = warm.run("-c", code, folder=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "log").stat().st_size > 1000
    assert TOKEN not in done.stdout + done.stderr
    assert hub.repo("digits").private
    places = [tmp_path, trained.folder]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(files) > 15
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
    assert not any(TOKEN.encode() in data for repo in hub.repos.values() for data in repo.files().values())


def test_two_hubs_are_kept_apart(trained: vl.Run, hub: Hub, pushed: Any, tmp_path: Path) -> None:
    mine = vl.from_hub(REPO, endpoint=hub.endpoint, cache=tmp_path)
    with a_hub() as other:
        line = refused(vl.from_hub, REPO, revision=pushed.commit, endpoint=other.endpoint, cache=tmp_path)
    assert "is not at" in line
    assert mine.folder.is_dir()


def test_without_the_extra(trained: vl.Run, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("huggingface_hub"):
            raise ImportError(name=name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for words in (("pull", REPO, "--out", "x"), ("push", trained.folder, REPO)):
        assert cli(*words, code=2).stderr.endswith("pip install 'vaelab[hub]'\n")
