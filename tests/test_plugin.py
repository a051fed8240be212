"""An installed plugin package with a part of each kind, from training to the report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vaelab.models.files import read_tensors

from . import warm

PLUGIN = Path(__file__).parent / "plugin"
WORDS = "network:tanh posterior:laplace-posterior prior:student likelihood:laplace-pixels objective:warm"
TRAIN = f"train vae --data bars --epochs 4 --batch-size 8 {WORDS} --network.width 12 --prior.freedom 4"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed plugin and its entry point."""
    folder = tmp_path_factory.mktemp("site")
    source = folder / "source"
    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-deps"]
    subprocess.run([*pip, "--target", folder / "packages", source], check=True, capture_output=True)
    return folder / "packages"


def command(site: Path | None) -> dict[str, str]:
    """The environment of a process with or without the plugin."""
    paths = [str(site)] if site else []
    paths += [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "100"}


def vaelab(words: str, folder: Path, site: Path | None, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = warm.run("-m", "vaelab", *words.split(), folder=folder, environment=command(site))
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def trained(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with plugin parts only, from the command line."""
    folder = tmp_path_factory.mktemp("plugin")
    vaelab(f"{TRAIN} --out run", folder, installed)
    return folder


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """A copy of that run for one test."""
    shutil.copytree(trained / "run", tmp_path / "run")
    return tmp_path


def test_a_killed_run_of_plugin_parts_resumes_bit_for_bit(installed: Path, trained: Path, tmp_path: Path) -> None:
    words = ["-m", "vaelab", *TRAIN.split(), "--out", "run", "--checkpoint-seconds", "0"]
    process = warm.start(*words, folder=tmp_path, environment=command(installed))
    while not (tmp_path / "run" / "checkpoint.safetensors").exists():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.wait()
    vaelab("train --resume run", tmp_path, installed)
    killed, uninterrupted = (read_tensors(folder / "run" / "last.safetensors")[0] for folder in (tmp_path, trained))
    assert killed.keys() == uninterrupted.keys()
    assert all(killed[name].equal(uninterrupted[name]) for name in uninterrupted)


def test_plugin_parts_are_evaluated_drawn_and_reported(installed: Path, copied: Path) -> None:
    output = vaelab("evaluate run --only elbo evidence representation --samples 20 --few 4", copied, installed).stdout
    assert "log p(x)" in output
    assert "annealing" in output.lower() or "AIS" in output
    vaelab("figures run --only reconstructions latent-scatter samples training-curves", copied, installed)
    drawn = {path.stem for path in (copied / "run" / "figures").glob("*.png")}
    assert drawn == {"reconstructions", "latent-scatter", "samples", "training-curves"}
    vaelab("report run --out page.html", copied, installed)
    page = (copied / "page.html").read_text()
    for name in ("Student", "LaplacePosterior", "LaplacePixels", "Tanh", "Warm"):
        assert name in page or f"bars.parts:{name}" in page


def test_the_command_line_lists_plugin_parts(installed: Path, tmp_path: Path) -> None:
    output = vaelab("parts prior", tmp_path, installed).stdout
    assert "student" in output
    assert "bars.parts" in output
    assert "student" not in vaelab("parts prior", tmp_path, None).stdout
    assert "bars" in vaelab("data list", tmp_path, installed).stdout


def test_the_plugin_works_from_python(installed: Path, copied: Path) -> None:
    program = """
import vaelab as vl
run = vl.open_run("run")          # the class is found by the entry point
print(run)
model = run.model
vl.save(model, "model.safetensors")
assert vl.load("model.safetensors").spec == model.spec
data = run.load_data()
print(vl.evaluate(model, data, run.experiment.binarisation, only=["elbo"]).section("elbo").value("rate"))
from bars.parts import Bars, Student, Tanh
from vaelab.testing import check_spec
print(check_spec(Student()))
more = vl.resume("run", epochs=5)
assert len(more.rows) == 5
again = vl.train(vl.preset("vae", data=Bars(), network=Tanh(), prior=Student(), epochs=1), "again")
print(again.model.generate(2).shape)
"""
    done = warm.run("-c", program, folder=copied, environment=command(installed))
    assert done.returncode == 0, done.stderr
    assert "does not say, so it is assumed" in done.stdout


def test_a_sweep_varies_plugin_parts_over_a_range_of_the_plugin(installed: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    parts = {"network": "Tanh", "posterior": "LaplacePosterior", "likelihood": "LaplacePixels"}
    space = {
        "experiment": "vae",
        "data": {"kind": "bars.parts:Bars"},
        "settings": {f"model.{name}": {"kind": f"bars.parts:{part}"} for name, part in parts.items()}
        | {"training.epochs": 1, "training.validation": 8, "objective": {"kind": "bars.parts:Warm"}},
        "space": {
            "model.network.width": {"powers-of-two": [2, 5]},
            "model.latent": {"kind": "bars.parts:PowersOfTwo", "exponents": [1, 2]},
            "model.prior": {"choice": [{"kind": "standard-normal"}, {"kind": "bars.parts:Student"}]},
        },
    }
    (tmp_path / "space.json").write_text(json.dumps(space))
    vaelab("sweep space.json --out sweep --trials 2 --quiet --plugin bars.parts", tmp_path, installed)
    for number in range(2):
        run = json.loads((tmp_path / f"sweep/trial-000{number}/experiment.json").read_text())["experiment"]
        assert run["model"]["network"]["width"] in (4, 8, 16, 32)
        assert run["model"]["latent"] in (2, 4)
        assert run["model"]["network"]["kind"] == "bars.parts:Tanh"
        assert run["objective"]["kind"] == "bars.parts:Warm"
    done = vaelab("sweep space.json --out sweep --trials 2 --quiet", tmp_path, None, code=2)
    (line,) = done.stderr.strip().splitlines()
    assert "bars.parts:" in line
    assert "add --plugin bars.parts" in line


@pytest.mark.parametrize(
    "words",
    ["train --resume run", "evaluate run", "figures run", "report run", "evaluate run/last.safetensors --data digits"],
)
def test_without_the_plugin_one_line_names_the_class_and_the_remedies(words: str, copied: Path) -> None:
    # A module of that name exists, and must not be imported because a file names it.
    (copied / "bars").mkdir()
    (copied / "bars" / "__init__.py").write_text("open('imported', 'w')\n")
    (copied / "bars" / "parts.py").write_text("")
    done = vaelab(words, copied, None, code=2)
    (line,) = done.stderr.strip().splitlines()
    assert "bars.parts:" in line
    # The remedies that a command line has; those of Python are importing the module and `specs=`.
    for remedy in ("add --plugin bars.parts", "install the package that has it"):
        assert remedy in line
    assert not (copied / "imported").exists()


def test_python_names_all_four_remedies(copied: Path) -> None:
    code = "import vaelab as vl\ntry:\n    vl.open_run('run')\nexcept vl.UserError as error:\n    print(error)"
    done = warm.run("-c", code, folder=copied, environment=command(None))
    (line,) = done.stdout.splitlines()
    for remedy in ("import bars.parts first", "specs=[", "install the package", "--plugin bars.parts"):
        assert remedy in line


def test_the_plugin_flag_imports_a_plugin(copied: Path) -> None:
    shutil.copytree(PLUGIN / "src" / "bars", copied / "bars")
    vaelab("train --resume run --epochs 5 --plugin bars.parts", copied, None)
    vaelab("train vae --plugin bars.parts --data bars network:tanh --epochs 1 --out second", copied, None)
    done = vaelab("train vae --plugin absent --data bars --out third", copied, None, code=2)
    assert "plugin is 'absent', which cannot be imported" in done.stderr


def test_a_class_of_the_same_name_from_another_module_is_refused(installed: Path, copied: Path) -> None:
    (copied / "other.py").write_text((PLUGIN / "src" / "bars" / "parts.py").read_text())
    program = """
import other, vaelab as vl
try:
    vl.load("run", specs=[other.Tanh, other.Student, other.LaplacePosterior, other.LaplacePixels])
except vl.UserError as error:
    print(error)
"""
    done = warm.run("-c", program, folder=copied, environment=command(None))
    assert "other:Tanh was given, a class of the same name from another module" in done.stdout
