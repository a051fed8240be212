"""Damaged files, two processes at once, hostile names and short memory: refused in one line, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import vaelab as vl
from vaelab.data import Folder, Npz
from vaelab.files import locked, read_json, write_atomically
from vaelab.models.files import read_tensors
from vaelab.report.claims import read_claims

from . import warm
from .conftest import Cli

DATA = vl.open_data("digits")
SMALL = vl.as_data(DATA.images[:80], DATA.labels[:80] % 2, classes=["even", "odd"], name="some digits")


def experiment(**training: Any) -> vl.Experiment:
    plain = vl.Training(epochs=2, batch_size=16, precision="fp32", device="cpu")
    return vl.Experiment(model=vl.VAE(network=vl.Mlp(hidden=(8,))), training=replace(plain, **training))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run on images of a file."""
    folder = tmp_path_factory.mktemp("reliability")
    np.savez(folder / "digits.npz", images=SMALL.images, labels=SMALL.labels)
    vl.train(replace(experiment(), data=Npz(str(folder / "digits.npz"))), folder / "run")
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(trained / "run", tmp_path / "run"))


# Models


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: {name: value * torch.nan for name, value in weights.items()}, "values that are not finite"),
        (lambda weights: {name: value.int() for name, value in weights.items()}, "is torch.int32, but must be"),
    ],
)
def test_weights_of_another_kind_are_refused_even_without_a_checksum(change: Any, message: str, run: Path) -> None:
    path = run / "last.safetensors"
    _, about = read_tensors(path)
    save_file(change(load_file(path)), path, {"vaelab": json.dumps(about)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(vl.UserError, match=message):
            vl.load(path)


def test_a_file_without_a_checksum_loads_and_says_so(run: Path, cli: Cli) -> None:
    path = run / "last.safetensors"
    tensors, about = read_tensors(path)
    save_file(tensors, path, {"vaelab": json.dumps(about)})
    with pytest.warns(UserWarning, match="has no checksum, since an earlier version wrote it"):
        vl.load(path)
    said = cli("figures", path, "--data", "digits", "--only", "samples").stderr
    assert said.startswith("vaelab: ")
    assert "has no checksum" in said


@pytest.mark.parametrize("text", ['{"a": ' * 100_000, '{"format": 1, "format": 1}', "[1, 2", '{"model": 3}', "[]"])
def test_a_header_or_a_record_that_is_no_settings_is_refused(text: str, run: Path) -> None:
    weights = load_file(run / "last.safetensors")
    save_file(weights, run / "last.safetensors", {"vaelab": text})
    (run / "experiment.json").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for read in (lambda: vl.load(run / "last.safetensors"), lambda: vl.open_run(run)):
            with pytest.raises(vl.UserError) as caught:
                read()
            assert "\n" not in str(caught.value)
            assert len(str(caught.value)) < 400


# Resuming


def test_a_changed_record_is_noticed_on_resume(run: Path) -> None:
    record = json.loads((run / "experiment.json").read_text())
    for name, value in (("seed", 5), ("batch_size", 8), ("drop_labels", 0.5)):
        changed = json.loads(json.dumps(record))
        changed["experiment"]["training"][name] = value
        (run / "experiment.json").write_text(json.dumps(changed))
        with pytest.raises(vl.UserError, match=r"was written with other settings than those of experiment.json"):
            vl.resume(run, epochs=3)
    changed = json.loads(json.dumps(record))
    changed["experiment"]["model"]["latent"] = 3
    (run / "experiment.json").write_text(json.dumps(changed))
    with pytest.raises(vl.UserError):
        vl.resume(run, epochs=3)
    (run / "experiment.json").write_text(json.dumps(record))
    assert len(vl.resume(run, epochs=3).rows) == 3


def test_a_lost_history_is_not_continued_in_silence(run: Path) -> None:
    rows = (run / "metrics.csv").read_text()
    for damaged in (None, rows.splitlines()[0] + "\n", rows.replace(rows.splitlines()[1], "1,x"), "\0\0"):
        (run / "metrics.csv").unlink(missing_ok=True)
        if damaged is not None:
            (run / "metrics.csv").write_text(damaged)
        with pytest.raises(vl.UserError, match=r"metrics.csv (has|is damaged)"):
            vl.resume(run, epochs=3)
    (run / "metrics.csv").write_text(rows)
    (run / "events.jsonl").write_bytes(
        b'\xff\xfe\n[]\n{"event": 3}\n{"time": "x"}\n' + (run / "events.jsonl").read_bytes()
    )
    assert len(vl.resume(run, epochs=3).rows) == 3


def test_another_number_of_threads_is_said(trained: Path, forked: Cli, tmp_path: Path) -> None:
    words = ("train", "vae", "network:mlp", "--data", f"npz:{trained / 'digits.npz'}", "--out", "run")
    forked(*words, "--epochs", "1", OMP_NUM_THREADS="1")
    said = forked("train", "--resume", "run", "--epochs", "2", OMP_NUM_THREADS="2").stderr
    assert "resumed with 2 threads, begun with 1" in said
    said = forked("train", "--resume", "run", "--epochs", "3", OMP_NUM_THREADS="2").stderr
    assert "threads" not in said


# Several processes


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    for name in (".file.json.part", ".file.json.00000000.part"):
        (tmp_path / name).symlink_to(outside)
    write_atomically(tmp_path / "file.json", "{}")
    assert outside.read_text() == "untouched"
    assert read_json(tmp_path / "file.json") == {}


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_run_removes_what_a_killed_process_left(run: Path) -> None:
    (run / ".last.safetensors.0a1b2c3d.part").touch()
    vl.resume(run, epochs=3)
    assert not list(run.glob(".*.part"))


# The command line, which makes a file once a lock holds it back.
SAYS_THAT_IT_WAITS = """
import sys
from functools import partial
from pathlib import Path
from vaelab import files
from vaelab.cli import main
files.locked = partial(files.locked, waiting=Path(sys.argv[1]).touch)
sys.exit(main(sys.argv[2:]))
"""


def test_two_evaluations_at_once_keep_both_parts(run: Path) -> None:
    parts, words = ("elbo", "representation"), ["evaluate", run, "--images", "20", "--quiet", "--only"]
    # The lock holds both back until each has measured.
    with locked(run / "evaluation.json"):
        both = [warm.start("-c", SAYS_THAT_IT_WAITS, run / f"waiting-{part}", *words, part) for part in parts]
        began = time.monotonic()
        while len(list(run.glob("waiting-*"))) < 2:
            ended = [process.poll() for process in both]
            assert ended == [None, None], [process.communicate() for process in both]
            assert time.monotonic() - began < 120
            time.sleep(0.01)
    for process in both:
        _, complaint = process.communicate(timeout=120)
        assert process.returncode == 0, complaint
    sections = json.loads((run / "evaluation.json").read_text())["sections"]
    assert [section["part"] for section in sections] == ["elbo", "representation"]


# Memory


def test_short_memory_is_one_line(tmp_path: Path) -> None:
    code = (
        "import sys, resource\nfrom vaelab.cli import main\nimport vaelab.training, vaelab.report\n"
        "held = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (held + 2**28, -1))\n"
        "sys.exit(main('train vae --data sprites --limit 2000 --image-size 64 --batch-size 2000 --out run'.split()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == "vaelab: memory ran out; lower --batch-size or --image-size"


@pytest.mark.parametrize("preset", ["vq-vae", "fsq-vae"])
def test_codes_that_overflow_are_a_loss_that_is_not_finite(preset: str, tmp_path: Path) -> None:
    experiment = vl.preset(preset, epochs=2, batch_size=16, learning_rate=1e30, device="cpu")
    with pytest.raises(vl.UserError, match="loss is not finite at epoch 1"):
        vl.train(experiment, tmp_path / "run", data=SMALL)
    assert not (tmp_path / "run").exists()


# Images and names


def picture(path: Path, size: int = 12) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size), np.uint8)).save(path)


def test_a_class_that_is_a_link_is_read(tmp_path: Path) -> None:
    for index in range(4):
        picture(tmp_path / "elsewhere" / f"{index}.png")
        picture(tmp_path / "images" / "a" / f"{index}.png")
    (tmp_path / "images" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images" / "b" / "circle").symlink_to(tmp_path / "images" / "b")
    data = vl.open_data(Folder(str(tmp_path / "images"), image_size=8))
    assert (data.classes, len(data)) == (("a", "b"), 8)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_class_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "0.png")
    (tmp_path / "b").mkdir(mode=0)
    with pytest.raises(vl.UserError, match=r"b' cannot be read \(Permission denied\)"):
        vl.open_data(Folder(str(tmp_path)))


def test_huge_images_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "0.png")
    Image.new("1", (15_000, 13_000)).save(tmp_path / "images" / "huge.png")
    code = (
        "from vaelab.cli import main\n"
        "code = main('train vae --data folder:images --out run'.split())\n"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(code, peak.split()[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("vaelab: images/huge.png has 15000 x 13000 pixels, more than 100,000,000; ")
    assert "--max-pixels" in done.stderr
    returned, kilobytes = done.stdout.split()
    assert returned == "2"
    assert int(kilobytes) < 500_000
    with pytest.raises(vl.UserError, match="more than 100"):
        vl.open_data(Folder(str(tmp_path / "images"), max_pixels=100))
    assert Image.MAX_IMAGE_PIXELS is not None, "Pillow's own limit is restored"


def test_names_that_no_record_can_hold_are_refused_before_training(tmp_path: Path) -> None:
    for index in range(4):
        picture(tmp_path / "images" / "a" / f"{index}.png")
    os.rename(tmp_path / "images" / "a", os.fsencode(tmp_path / "images") + b"/caf\xe9")
    np.savez(tmp_path / "set.npz", images=SMALL.images, labels=SMALL.labels, classes=np.array(["\udc80", "b"]))
    for source in (Folder(str(tmp_path / "images"), image_size=8), Npz(str(tmp_path / "set.npz"))):
        with pytest.raises(vl.UserError, match="is not UTF-8, so no record"):
            vl.train(experiment(), tmp_path / "run", data=source)
        assert not (tmp_path / "run").exists()


def test_a_dollar_in_a_class_name_is_a_letter(tmp_path: Path) -> None:
    data = replace(SMALL, classes=("$1", "50 $ or $\\frac"))
    run = vl.train(experiment(epochs=1), tmp_path / "run", data=data)
    for drawn in vl.draw_figures(run, data, only=["latent-scatter", "latent-by-class"]):
        vl.save_figure(drawn.figure, tmp_path / f"{drawn.name}.svg")


def test_a_figure_of_a_study_is_a_file_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "claims.json").write_text(
        json.dumps({"claims": [], "figures": [{"name": "../../secret", "caption": ""}]})
    )
    with pytest.raises(vl.UserError, match="must be the name of a file, without folders"):
        read_claims(tmp_path / "claims.json")


@pytest.mark.parametrize(
    "make",
    [
        lambda: vl.Adam(learning_rate=float("inf")),
        lambda: vl.Elbo(beta=float("inf")),
        lambda: vl.Training(checkpoint_seconds=float("nan")),
    ],
)
def test_settings_are_finite(make: Any) -> None:
    with pytest.raises(vl.UserError, match=r"is (inf|nan), but must be finite"):
        make()


@pytest.mark.parametrize(
    "words",
    [
        "train vae --data digits --out",
        "train vae --data digits --config",
        "evaluate",
        "figures",
        "report",
        "fit-prior",
        "study paper --out",
        "data fetch dsprites --data-dir",
        "data list --data-dir",
    ],
)
def test_a_nul_on_the_command_line_is_one_line(words: str, cli: Cli) -> None:
    done = cli(*words.split(), "a\0b", code=2)
    assert done.stderr == "vaelab: the command line has 'a\\x00b', but no name can hold a NUL; leave it out\n"


def test_a_nul_in_a_path_is_one_line(run: Path, tmp_path: Path) -> None:
    path, model = tmp_path / "a\0b", vl.load(run)
    calls: tuple[Any, ...] = (
        lambda: vl.train(experiment(), path),
        lambda: vl.resume(path),
        lambda: vl.open_run(path),
        lambda: vl.load(path),
        lambda: vl.save(model, path),
        lambda: vl.open_data(f"folder:{path}"),
        lambda: vl.open_data(f"npz:{path}"),
        lambda: vl.open_data(f"celeba:{path}"),
        lambda: vl.open_data("dsprites", path),
        lambda: vl.save_figure(vl.image_grid(np.zeros((1, 2, 1, 8, 8))), path.with_suffix(".png")),
    )
    for call in calls:
        with pytest.raises(vl.UserError) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_closed_output_after_success_is_no_fault(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m vaelab parts prior >&-'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def test_a_current_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    """Libraries that torch loads end the process there without a word of use."""
    gone = tmp_path / "gone"
    gone.mkdir()
    refused = subprocess.run(
        [sys.executable, "-m", "vaelab", "parts"],
        cwd=gone,
        preexec_fn=gone.rmdir,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert (
        refused.stderr == "vaelab: the current folder cannot be used (No such file or directory); change to another\n"
    )


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("MPLBACKEND", "MPLBACKEND is 'x', but must be the name of a backend of Matplotlib; unset it"),
        ("SOURCE_DATE_EPOCH", "SOURCE_DATE_EPOCH is 'x', but must be a whole number of seconds; unset it"),
    ],
)
def test_an_environment_that_libraries_refuse_is_named(variable: str, says: str, run: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "vaelab", "figures", str(run), "--only", "training-curves", "--format", "svg"],
        env=os.environ | {variable: "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (2, f"vaelab: {says}")
