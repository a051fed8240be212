"""The command line as users see it: one clear line per mistake, and the effect of its flags."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaelab.cli.evaluate import Evaluate
from vaelab.cli.train import Train
from vaelab.data import Digits, ImageData, Limited, Npz, Sprites
from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.models import VAE
from vaelab.objectives import Iwae
from vaelab.priors import Mixture
from vaelab.training import open_run

from .conftest import Cli


def test_importing_vaelab_does_not_import_torch() -> None:
    code = "import sys, vaelab; assert 'torch' not in sys.modules; assert set(vaelab.__all__) <= set(dir(vaelab))"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import vaelab\nfor name in vaelab.__all__: getattr(vaelab, name)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def unlabelled(digits: ImageData, tmp_path: Path) -> Path:
    np.savez(tmp_path / "unlabelled.npz", images=digits.images)
    return tmp_path / "unlabelled.npz"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("bogus", "command is 'bogus', but vaelab has: "),
        ("trian vae", "did you mean train?"),
        ("study papr", "command is 'papr', but vaelab study has: paper, claims, families, beta-sweep; did you mean"),
        ("train vea --out x", "did you mean vae?"),
        ("train nowhere.json", "preset is 'nowhere.json'"),
        ("train nowhere.json", "; --config reads a file"),
        ("train --epochs 3", "preset is missing before --epochs"),
        ("train zae --out x", "preset is 'zae', but vaelab train has: vae, cvae, beta-vae"),
        ("train vae", "--out is missing"),
        ("train vae --out x --data digits --epochs -3", "--epochs is -3, but must be >= 1"),
        ("train vae --out x --data digits --latent 0", "--latent is 0, but must be >= 1"),
        ("train vae --out x --data digits --epochs three", "--epochs is 'three', but must be a whole number"),
        ("train vae --out x --learning-rate fast", "--learning-rate is 'fast', but must be a number"),
        ("train vae --out x prior:mixture --prior.components=abc", "--prior.components is 'abc', but must be a whole"),
        ("train vae --out x --precision fp16", "--precision is 'fp16', but must be one of auto, bf16, fp32; did you"),
        ("train vae --out x --epochs", "--epochs has no value"),
        ("train vae --out x --quiet yes", "--quiet is a switch and takes no value, but is followed by 'yes'"),
        ("train vae --out x --quiet=yes", "--quiet is a switch and takes no value, but is given 'yes'"),
        ("train vae --out x --data digits --epohcs 3", "unknown flag --epohcs; did you mean --epochs?"),
        ("train vae --out x --batch_sise 3", "unknown flag --batch-sise; did you mean --batch-size?"),
        ("train vae --out x --batch_size 3 --batch-size 4 prior:xyzzy", "unknown word 'prior:xyzzy'"),
        ("evaluate run --onyl elbo", "unknown flag --onyl; did you mean --only?"),
        ("train vae --out x prior:vampp", "unknown word 'prior:vampp'; did you mean prior:vamp?"),
        ("train vae --out x piror:vamp", "unknown word 'piror:vamp'; did you mean prior:vamp?"),
        (
            "train vae --out x prior:xyzzy",
            "unknown word 'prior:xyzzy'; there are prior:autoregressive-codes, prior:conditional-normal, ",
        ),
        ("train vae --out x nonsense", "unknown word 'nonsense'"),
        (
            "train vae --out x --prior.components 20",
            "--prior.components goes with prior:uniform-manifold or prior:mixture or prior:vamp; add one of",
        ),
        ("train vae --out x --groups 1 2", "--groups goes with ladder; add the word"),
        ("train vae --out x --network.cell.ratio 0.5", "--network.cell.ratio goes with network:resnet; add the word"),
        (
            "train vae --out x network:resnet --network.cell.factor 2",
            "--network.cell.factor goes with network.cell:depthwise; add the word",
        ),
        (
            "train vae --out x --objective.capacity.stop 3",
            "goes with objective:capacity or objective:joint-capacity; add one of",
        ),
        ("train vae --plugin", "--plugin has no value; name a module"),
        ("--plugin nonesuch train vae", "plugin is 'nonesuch', which cannot be imported (ModuleNotFoundError"),
        ("completion bsh", "shell is 'bsh', but must be one of bash, zsh, fish; did you mean bash?"),
        ("train vae --out x --data mnits", "vaelab: data is 'mnits', but must be one of mnist, "),
        ("figures run --only latent-by-classs", "did you mean latent-by-class?"),
        ("figures .", ". holds no run (no experiment.json) and no study"),
        ("report .", ". holds no run and no study"),
        ("parts prioor", "room is 'prioor', but must be one of "),
        ("parts prioor", "did you mean prior?"),
        ("data fetch mnits", "name is 'mnits', but what can be fetched is: mnist, fashion-mnist, "),
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
        (
            "train vq-vae --out x --data digits objective:dreg",
            "objective is Dreg, which needs codes in a real vector space",
        ),
        ("train ladder --out x --data digits --groups 0 1", "--groups is (0, 1)"),
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
        ("train vae --out x --data digits --device cuda:9", "device is 'cuda:9', which is not available"),
        ("train vae --out x --data folder:absent", "'absent' is not a folder"),
        ("train vae --out x --data npz:absent.npz", "'absent.npz' does not exist"),
        ("train cvae --out x --data npz:unlabelled.npz", "conditional is True, but the data has no labels"),
        (
            "train vae --out x --data-dir absent",
            "is 'absent', which is not a folder; create it or name another with --data-dir",
        ),
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
        ("study paper", "--out is missing; see vaelab study paper --help"),
        ("study paper --out x --data nothing", "data is 'nothing'"),
        ("study paper --out x --data digits --seeds 0", "seeds is 0, but must be >= 1"),
        ("study paper --out x --data digits --epochs 0", "epochs is 0, but must be >= 1"),
        ("study paper --out x --data digits --recipe quick", "--recipe is 'quick', but must be one of paper, fast"),
        ("study paper --out x --data npz:unlabelled.npz", "no labels"),
        ("data fetch imagenet", "name is 'imagenet'"),
        ("data fetch", "NAME is missing"),
        ("train vae --out= --data digits", "--out is empty; give it a value"),
        ("train vae --out x --epochs -1", "vaelab: --epochs is -1, but must be >= 1"),
        ("train vae --out x --limit abc", "--limit is 'abc', but must be a whole number"),
        ("train vae --out x --limit 0", "--limit is 0, but must be >= 1"),
        ("evaluate x --only --images 3", "--only has no value"),
    ],
)
def test_bad_input_gets_one_clear_line(words: str, message: str, cli: Cli, unlabelled: Path, tmp_path: Path) -> None:
    (tmp_path / "newer.json").write_text('{"format": 99, "experiment": {}, "vaelab": "9"}')
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "unknown.json").write_text('{"training": {"epoch": 3}}')
    done = cli(*words.split(), code=2)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("vaelab: ")
    assert message in lines[0]
    assert not list(tmp_path.rglob("experiment.json"))


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_bad_value_gets_the_same_line_in_every_encoding(encoding: str, process: Cli) -> None:
    done = process("train", "vae", "--out", "x", "--epochs", "abc", code=2, PYTHONIOENCODING=encoding)
    assert done.stderr == "vaelab: --epochs is 'abc', but must be a whole number; see vaelab train vae --help\n"


def test_names_that_the_output_cannot_write_do_not_end_a_command(process: Cli) -> None:
    done = process("train", "vae", "--out", "x", "--data", "folder:été", code=2, PYTHONIOENCODING="ascii")
    assert done.stderr.startswith("vaelab: ")
    assert "?t?" in done.stderr


def test_bad_input_ends_the_process_with_code_2(process: Cli) -> None:
    done = process("trian", code=2)
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


@pytest.mark.parametrize("words", [["parts"], ["--help"], ["train", "vae", "--help"], ["evaluate", "--help"]])
def test_a_closed_pipe_ends_the_command_quietly(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "vaelab", *words], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert not done.stderr
    assert done.returncode == 141  # 128 + SIGPIPE, as for `cat`


def test_missing_mnist_without_network_is_one_line(cli: Cli, tmp_path: Path) -> None:
    """A proxy that refuses connections simulates a machine without a network."""
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


def test_any_field_is_a_flag_and_any_part_is_a_word(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    cli(
        *("train", "beta-vae", "--data", f"npz:{digits_file}", "--out", "run", "--epochs", "1", "--latent", "3"),
        *("prior:mixture", "--prior.components", "7", "network:mlp", "--network.hidden", "50", "20"),
        *("objective:iwae", "--objective.samples", "4", "binarisation:dynamic", "schedule:cosine"),
        *("--schedule.start", "1", "--schedule.stop", "0"),
    )
    experiment = json.loads((tmp_path / "run" / "experiment.json").read_text())["experiment"]
    assert experiment["model"]["latent"] == 3
    assert experiment["model"]["prior"] == {"components": 7, "full": False, "kind": "mixture"}
    assert experiment["model"]["network"] == {"hidden": [50, 20], "kind": "mlp"}
    assert experiment["objective"] == {"samples": 4, "kind": "iwae"}
    assert experiment["binarisation"] == {"kind": "dynamic"}
    assert experiment["training"]["optimiser"]["schedule"]["kind"] == "cosine"

    # The saved experiment starts another run with one field changed.
    cli("train", "--config", "run/experiment.json", "--out", "again", "--seed", "5")
    again = json.loads((tmp_path / "again" / "experiment.json").read_text())["experiment"]
    assert again["training"].pop("seed") == 5
    assert experiment["training"].pop("seed") == 0
    assert again == experiment


def test_a_preset_keeps_settings_that_are_not_overridden(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    cli("train", "cvae", "--data", f"npz:{digits_file}", "--out", "run", "--epochs", "1")
    experiment = json.loads((tmp_path / "run" / "experiment.json").read_text())["experiment"]
    assert experiment["model"]["conditional"] is True
    assert experiment["objective"]["beta"]["kind"] == "linear"


def test_data_list_shows_the_available_sources(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    listed = cli("data", "list", "--data-dir", "empty").stdout
    assert all(name in listed for name in ("mnist", "digits", "folder:PATH", "npz:PATH"))
    assert "fetch with: vaelab data fetch mnist" in listed


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version_is_printed(flag: str, cli: Cli) -> None:
    import vaelab

    assert cli(flag).stdout == f"vaelab {vaelab.__version__}\n"


def test_flags_and_words_come_in_any_order() -> None:
    words = "--prior.components 20 --objective.samples=4 --batch_size 7 prior:mixture objective:iwae --out x"
    chosen = Train.parse("vaelab train vae", words.split(), Train())
    assert chosen.experiment.model == VAE(prior=Mixture(20))
    assert chosen.experiment.objective == Iwae(4)
    assert chosen.experiment.training.batch_size == 7


def test_the_command_line_is_recorded() -> None:
    chosen = Evaluate.parse("vaelab --plugin mine evaluate", ["my run", "--samples", "3"])
    assert chosen.line == "vaelab --plugin mine evaluate 'my run' --samples 3"


def test_errors_name_flags_on_the_command_line_and_arguments_in_python(cli: Cli) -> None:
    from vaelab.training.device import choose_device

    words = ["train", "vae", "--out", "x", "--data", "digits", "--device", "cuda:9"]
    assert "use --device auto or cpu" in cli(*words, code=2).stderr
    with pytest.raises(UserError, match="use device='auto' or 'cpu'"):
        choose_device("cuda:9")


SMALL = ["network:mlp", "--network.hidden", "8", "--epochs", "1", "--quiet"]


def test_limit_takes_a_subset_of_any_source(cli: Cli, digits_file: Path, tmp_path: Path) -> None:
    cli("train", "vae", "--data", f"npz:{digits_file}", "--limit", "40", "--out", "run", *SMALL)
    record = json.loads((tmp_path / "run/experiment.json").read_text())
    source = {"kind": "npz", "path": str(digits_file)}
    assert record["experiment"]["data"] == {"kind": "limited", "limit": 40, "source": source}
    data = open_run(tmp_path / "run").load_data()
    assert (len(data), len(data.split("test"))) == (40, 6)
    # A resumed run uses the same images; a new run may use another limit.
    assert "2 epochs" in cli("train", "--resume", "run", "--epochs", "2", "--quiet").stdout
    cli("train", "--config", "run/experiment.json", "--limit", "20", "--out", "again", *SMALL)
    assert open_run(tmp_path / "again").experiment.data == Limited(Npz(str(digits_file)), 20)


def test_limit_sets_the_field_of_a_source_that_has_one() -> None:
    words = "--out x --data sprites --limit 30 --image-size 32"
    assert Train.parse("vaelab train vae", words.split(), Train()).source() == Sprites(limit=30, image_size=32)
    assert Train(limit=9, experiment=Experiment(data=Digits())).source() == Limited(Digits(), 9)


def test_figures_and_report_take_the_folder_of_a_study(
    cli: Cli, digits_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.report.collect.draw", lambda source: [])
    for preset in ("vae", "cvae"):
        cli("train", preset, "--data", f"npz:{digits_file}", "--out", f"study/{preset}", *SMALL)
    written = cli("figures", "study", "--only", "training-curves", "class-samples", "--format", "svg").stdout.split()
    assert written == [
        f"study/{name}.svg"
        for name in ("cvae/figures/training-curves", "cvae/figures/class-samples", "vae/figures/training-curves")
    ]
    assert all((tmp_path / name).exists() for name in written)
    assert not cli("figures", "study", "--only", "reconstructions", "--out", "drawn", "--quiet").stdout
    assert sorted(path.parent.name for path in (tmp_path / "drawn").rglob("*.png")) == ["cvae", "vae"]
    lines = cli("figures", "study", "--only", "active-units", code=2).stderr.splitlines()
    assert [line[:3] for line in lines] == ["cva", "vae", "vae"]
    assert lines[-1] == "vaelab: no run of study has these figures; the lines above say why"
    assert cli("report", "study", "--out", "page.html").stdout == "page.html\n"
    page = (tmp_path / "page.html").read_text()
    assert all(f"study/{name}" in page for name in ("vae", "cvae"))


def test_fetch_creates_the_data_folder(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaelab.data.fetching.fetch", lambda files, folder: f"fetched into {folder}")
    assert "mnist: fetched into new/folder" in cli("data", "fetch", "mnist", "--data-dir", "new/folder").stdout
    assert (tmp_path / "new/folder").is_dir()
    # A mistyped name creates no folder.
    cli("data", "fetch", "mnits", "--data-dir", "other", code=2)
    assert not (tmp_path / "other").exists()
