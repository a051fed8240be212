"""The command line as a user meets it: help that is quick, and one clear line for whatever is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaelab.data import ImageData

from .conftest import Cli

HELP = [
    ["--help"],
    ["train", "--help"],
    ["train", "cvae", "--help"],
    ["study", "--help"],
    ["study", "paper", "--help"],
    ["study", "families", "--help"],
    ["train", "ladder", "--help"],
    ["fit-prior", "--help"],
    ["data", "--help"],
    ["data", "list", "--help"],
    ["data", "fetch", "--help"],
]


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_reads_well_and_loads_no_torch(words: list[str]) -> None:
    code = (
        "import sys\nfrom vaelab.cli import main\n"
        f"try:\n    status = main({words!r})\nexcept SystemExit as stop:\n    status = stop.code\n"
        "assert not status, status\n"
        "heavy = {'torch', 'matplotlib', 'sklearn', 'scipy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: vaelab")


def test_help_names_every_command_and_preset(cli: Cli) -> None:
    assert all(word in cli().stdout for word in ("study", "train", "data"))
    listed = cli("train", "--help").stdout
    assert all(word in listed for word in ("vae", "cvae", "beta-vae", "--config", "--resume"))
    flags = cli("train", "vae", "--help").stdout
    assert all(flag in flags for flag in ("--epochs", "--learning-rate", "--seed", "prior:mixture", "objective:iwae"))


def test_importing_vaelab_is_quick() -> None:
    code = "import sys, vaelab; assert 'torch' not in sys.modules; assert set(vaelab.__all__) <= set(dir(vaelab))"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import vaelab\nfor name in vaelab.__all__: getattr(vaelab, name)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def unlabelled(digits: ImageData, tmp_path: Path) -> Path:
    np.savez(tmp_path / "unlabelled.npz", images=digits.images)
    return tmp_path / "unlabelled.npz"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("bogus", "command is 'bogus', but vaelab has: "),
        ("train zae --out x", "preset is 'zae', but vaelab train has: vae, cvae, beta-vae"),
        ("train vae", "--out is missing"),
        ("train vae --out x --data digits --epochs -3", "Training.epochs is -3, but must be >= 1"),
        ("train vae --out x --data digits --latent 0", "VAE.latent is 0, but must be >= 1"),
        ("train vae --out x --data digits --epochs three", "--epochs"),
        ("train vae --out x --data digits --epoch 3", "--epoch"),
        ("train vae --out x --data digits --network.channels 8 -2", "must be >= 1"),
        ("train vae --out x --data digits prior:vampire", "prior:vampire"),
        (
            "train vae --out x --data digits prior:uniform-codes",
            "prior is UniformCodes, over integers, but posterior is",
        ),
        (
            "train vae --out x --data digits prior:conditional-normal",
            "prior is ConditionalNormal, but the model",
        ),
        ("train vq-vae --out x --data digits objective:dreg", "objective is Dreg, which needs codes that are real"),
        ("train ladder --out x --data digits --groups 0 1", "Ladder.groups is (0, 1)"),
        ("train ladder --out x --data digits objective:total-correlation", "needs a posterior whose dimensions"),
        ("train vae --out x --data digits --fit prior", "fit is 'prior', but start is missing"),
        ("train vae --out x --data digits --start nowhere", "nowhere does not exist"),
        (
            "train vae --out x --data digits posterior:finite-scalar --posterior.levels 1 prior:uniform-codes",
            "FiniteScalar.levels[0] is 1, but must be >= 3",
        ),
        ("train vae --out x --data digits --limit 1", "limit is 1, but must be >= 2"),
        ("train celeba --out x --data-dir .", "celeba"),
        ("train cifar10-ladder --out x --data-dir .", "cifar"),
        ("fit-prior absent --out y", "run is 'absent', which holds no run"),
        ("study families --out x --data digits --only vae nothing", "only has 'nothing', but the rows are"),
        ("study families --out x --data digits --only vq-vae-prior-after", "which is made from 'vq-vae'"),
        ("train vae --out x --data mnits", "mnits"),
        ("train vae --out x --data digits --image-size 32", "--image-size goes with"),
        ("train vae --out x --data digits --device cuda:9", "device is 'cuda:9', which is not at hand"),
        ("train vae --out x --data folder:absent", "'absent' is not a folder"),
        ("train vae --out x --data npz:absent.npz", "'absent.npz' does not exist"),
        ("train cvae --out x --data npz:unlabelled.npz", "conditional is True, but the data has no labels"),
        ("train vae --out x --data-dir absent", "--data-dir is 'absent', which is not a folder"),
        ("train vae --out unlabelled.npz --data digits", "cannot be used"),
        ("train --resume absent", "--resume is 'absent', which holds no run"),
        ("train --resume", "--resume has no value"),
        ("train --resume=", "--resume has no value"),
        ("train --config absent.json --out x", "absent.json does not exist"),
        ("train --config newer.json --out x", "newer.json has format 99"),
        ("train --config broken.json --out x", "broken.json cannot be read as JSON"),
        (
            "train --config unknown.json --out x",
            "unknown.json: training.epoch: unknown field of Training; did you mean epochs?",
        ),
        ("study paper", "--out"),
        ("study paper --out x --data nothing", "data is 'nothing'"),
        ("study paper --out x --data digits --seeds 0", "seeds is 0, but must be >= 1"),
        ("study paper --out x --data digits --epochs 0", "epochs is 0, but must be >= 1"),
        ("study paper --out x --data digits --recipe quick", "--recipe"),
        ("study paper --out x --data npz:unlabelled.npz", "no labels"),
        ("data fetch imagenet", "name is 'imagenet'"),
        ("data fetch", "NAME"),
    ],
)
def test_bad_input_gets_one_clear_line(words: str, says: str, cli: Cli, unlabelled: Path, tmp_path: Path) -> None:
    (tmp_path / "newer.json").write_text('{"format": 99, "experiment": {}, "vaelab": "9"}')
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "unknown.json").write_text('{"training": {"epoch": 3}}')
    done = cli(*words.split(), code=2)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("vaelab: ")
    assert any(part in lines[0] for part in says.split("|")), lines[0]
    assert not list(tmp_path.rglob("experiment.json"))


def test_missing_mnist_without_network_is_one_line(cli: Cli, tmp_path: Path) -> None:
    """A proxy that refuses stands for a machine without a network."""
    (tmp_path / "empty").mkdir()
    blocked = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = cli("train", "vae", "--out", "x", "--data-dir", "empty", code=2, **blocked)
    assert "MNIST: train-images-idx3-ubyte.gz cannot be downloaded" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert len(done.stderr) < 600


def test_an_image_folder_with_one_broken_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for index in range(12):
        Image.new("RGB", (40, 30), (index * 20, 0, 0)).save(tmp_path / "images" / f"{index}.png")
    (tmp_path / "images" / "broken.png").write_bytes(b"no image")
    words = ["train", "vae", "--data", "folder:images", "--image-size", "16", "--epochs", "1", "--out", "run"]
    refused = cli(*words, code=2)
    assert "1 of 13 images cannot be decoded: images/broken.png" in refused.stderr
    assert "left out, since they cannot be decoded: images/broken.png" in cli(*words, "--skip-broken").stderr
    record = json.loads((tmp_path / "run" / "experiment.json").read_text())
    assert record["images"] == {"channels": 3, "height": 16, "width": 16, "classes": [], "attributes": []}
    assert record["experiment"]["data"]["skip_broken"] is True


def test_any_field_is_a_flag_and_any_piece_a_word(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    cli(
        *("train", "beta-vae", "--data", f"npz:{digits_file}", "--out", "run", "--epochs", "1", "--latent", "3"),
        *("prior:mixture", "--prior.components", "7", "network:mlp", "--network.hidden", "50", "20"),
        *("objective:iwae", "--objective.samples", "4", "binarisation:dynamic", "schedule:cosine"),
        *("--schedule.start", "1", "--schedule.stop", "0"),
    )
    experiment = json.loads((tmp_path / "run" / "experiment.json").read_text())["experiment"]
    assert experiment["model"]["latent"] == 3
    assert experiment["model"]["prior"] == {"components": 7, "kind": "mixture"}
    assert experiment["model"]["network"] == {"hidden": [50, 20], "kind": "mlp"}
    assert experiment["objective"] == {"samples": 4, "kind": "iwae"}
    assert experiment["binarisation"] == {"kind": "dynamic"}
    assert experiment["training"]["optimiser"]["schedule"]["kind"] == "cosine"

    # The saved tree starts another run, with one field changed.
    cli("train", "--config", "run/experiment.json", "--out", "again", "--seed", "5")
    again = json.loads((tmp_path / "again" / "experiment.json").read_text())["experiment"]
    assert again["training"].pop("seed") == 5
    assert experiment["training"].pop("seed") == 0
    assert again == experiment


def test_the_preset_keeps_what_is_not_overridden(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    cli("train", "cvae", "--data", f"npz:{digits_file}", "--out", "run", "--epochs", "1")
    experiment = json.loads((tmp_path / "run" / "experiment.json").read_text())["experiment"]
    assert experiment["model"]["conditional"] is True
    assert experiment["objective"]["beta"]["kind"] == "linear"


def test_data_list_says_what_is_at_hand(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    listed = cli("data", "list", "--data-dir", "empty").stdout
    assert all(name in listed for name in ("mnist", "digits", "folder:PATH", "npz:PATH"))
    assert "fetch with: vaelab data fetch mnist" in listed


def test_the_version_is_told(cli: Cli) -> None:
    import vaelab

    assert cli("--version").stdout.strip() == f"vaelab {vaelab.__version__}"
