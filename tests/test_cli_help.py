"""Help, the list of parts and shell completion, including the words of plugins."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vaelab.cli.flags import Grammar, grammar
from vaelab.cli.train import Train
from vaelab.presets import PRESETS

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
    ["train", "vae", "--help-all"],
    ["evaluate", "--help"],
    ["figures", "--help"],
    ["push", "--help"],
    ["pull", "--help"],
    ["parts", "--help"],
    ["completion", "--help"],
]


def test_help_prints_usage_without_importing_torch() -> None:
    # One process, in which nothing may import torch before the next command.
    code = (
        "import sys\nfrom vaelab.cli import main\n"
        f"for words in {HELP!r}:\n"
        "    assert not main(words), words\n"
        "    heavy = {'torch', 'matplotlib', 'sklearn', 'scipy', 'PIL'} & set(sys.modules)\n"
        "    assert not heavy, (words, heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(re.findall("^usage: vaelab", done.stdout, re.MULTILINE)) == len(HELP)


def test_the_list_of_commands_imports_no_library() -> None:
    code = "import sys; from vaelab.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "usage: vaelab" in done.stdout
    assert not {"tyro", "pydantic", "numpy", "rich"} & set(done.stderr.split())


def grammar_of(preset: str) -> Grammar:
    return grammar(Train, Train(experiment=PRESETS[preset][1]))


def test_help_names_every_command_and_preset(cli: Cli) -> None:
    assert all(word in cli().stdout for word in ("study", "train", "data", "parts", "completion", "--plugin"))
    assert all(word in cli("train", "--help").stdout for word in (*PRESETS, "--config", "--resume"))


@pytest.mark.parametrize("name", PRESETS)
def test_help_of_a_preset_lists_its_main_flags_and_words(name: str, cli: Cli) -> None:
    output = cli("train", name, "--help").stdout
    lines = output.splitlines()
    assert max(map(len, lines)) <= 80
    flags = ("out", "data", "epochs", "batch-size", "learning-rate", "latent", "conditional", "seed", "device", "limit")
    starts = [line.split()[0] for line in lines if line.startswith("  --")]
    assert set(flags) <= {start.removeprefix("--").removeprefix("no-") for start in starts}
    assert len(starts) <= 13
    assert all(word in output for word in ("--help-all", "--resume", "--config", "--plugin", "vaelab parts"))
    known = grammar_of(name)
    for room in known.rooms:
        if room.path in ("network", "posterior", "prior", "likelihood", "objective"):
            if not known.active(room.needs, set()):
                continue
            (listed,) = re.findall(rf"^  {room.path}: (.*(?:\n      .*)*)", output, re.MULTILINE)
            names = [word.rpartition(":")[2] for word in room.words]
            starred = room.default.rpartition(":")[2]
            assert re.split(r",\s+", listed) == [f"*{name}" if name == starred else name for name in names]
    assert "  schedule: " in output


def test_help_fits_on_one_screen(forked: Cli) -> None:
    # In a separate process, because parts defined by other tests would be listed as well.
    assert len(forked("train", "vae", "--help").stdout.splitlines()) <= 64


def test_help_shows_the_flags_of_the_words_given(cli: Cli) -> None:
    assert (
        "Flags of prior:mixture:\n  --prior.components INT  " in cli("train", "vae", "prior:mixture", "--help").stdout
    )
    assert "network.cell: *bottleneck, depthwise" in cli("train", "vae", "network:resnet", "--help").stdout
    assert "--gradient-skip" not in cli("train", "vae", "--help").stdout


@pytest.mark.parametrize(
    "words",
    ["", "prior:vamp", "network:resnet network.cell:depthwise", "objective:capacity schedule:cosine", "ladder"],
)
def test_all_flags_of_tyro_are_known_to_help_and_completion(words: str, cli: Cli) -> None:
    output = cli("train", "vae", *words.split(), "--help-all").stdout
    listed = set(re.findall(r"^│ (--[a-z0-9.-]+)", output, re.MULTILINE))
    known = grammar_of("vae")
    assert {flag.name for flag in known.flags if known.active(flag.needs, set(words.split()))} == listed
    assert "--gradient-skip" in listed


def test_parts_lists_every_room(cli: Cli) -> None:
    listed = cli("parts").stdout
    rooms = re.findall(r"^(\S+):$", listed, re.MULTILINE)
    parts = (
        "network",
        "cell",
        "posterior",
        "prior",
        "likelihood",
        "objective",
        "optimiser",
        "schedule",
        "model",
        "data",
    )
    more = ("binarisation", "augmentation", "tracker", "experts", "transform", "kernel", "penalty", "regulariser")
    of_a_sweep = ("range", "sampler", "pruner")
    assert {*parts, *more, *of_a_sweep} == set(rooms)
    assert re.search(r"^  vamp +\S+", listed, re.MULTILINE)
    assert "folder:PATH" in listed
    assert max(map(len, listed.splitlines())) <= 80


def test_parts_of_a_room_show_fields_defaults_and_traits(cli: Cli) -> None:
    priors = cli("parts", "prior").stdout
    assert priors == cli("parts", "priors").stdout
    vamp = next(part for part in priors.split("\n\n") if part.startswith("vamp\n"))
    assert "components = 500: " in vamp
    traits = " ".join(vamp.split())
    assert all(f"{trait};" in traits for trait in ("discrete: no", "needs_condition: no", "of_posteriors: yes"))
    posteriors = " ".join(cli("parts", "posterior").stdout.split())
    assert "traits: a posterior whose dimensions are independent, a posterior whose mean" in posteriors
    assert "    beta = constant: Weight of the KL" in cli("parts", "objective").stdout


PLUGIN = """
from dataclasses import dataclass
from vaelab import PriorSpec

@dataclass(frozen=True)
class Box(PriorSpec):
    '''A uniform prior on a box.'''

    half: float = 3.0
    '''Half its width.'''

    def build(self, sizes):
        raise NotImplementedError
"""


def test_the_plugin_flag_adds_words_at_any_position(forked: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    priors = forked("parts", "prior", "--plugin", "mine").stdout
    foreign = next(part for part in priors.strip().split("\n\n") if part.startswith("box\n"))
    assert "  A uniform prior on a box.\n  from mine, class Box\n    half = 3.0: Half its width" in foreign
    assert "it is assumed: discrete = False" in " ".join(foreign.split())
    output = forked("--plugin=mine", "train", "vae", "--help").stdout
    assert re.search(r"^  prior: [^:]*\bbox\b", output, re.MULTILINE)
    wrong = forked("train", "vae", "--plugin", "mine", "prior:bx", "--out", "x", code=2).stderr
    assert "did you mean prior:box?" in wrong
    assert not re.search(r"\bbox\b", forked("train", "vae", "--help").stdout)


NESTED = """
from dataclasses import dataclass
import vaelab as vl

@dataclass(frozen=True)
class Sawtooth(vl.ScheduleSpec):
    '''Repeated ramps.'''

    period: int = 2

    def __call__(self, progress):
        return progress.elapsed % self.period / self.period

@dataclass(frozen=True)
class Weighed(vl.ObjectiveSpec):
    '''A weight on the KL.'''

    weight: vl.ScheduleSpec = Sawtooth()
    samples: int = 1

    def __call__(self, trace, progress):
        return (trace.reconstruction + self.weight(progress) * trace.kl.sum(0)).mean()
"""


def test_parts_of_foreign_parts_are_chosen_by_words(forked: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NESTED)
    start = ["--plugin", "mine", "train", "vae", "--data", "digits", "--limit", "60", "network:mlp", "--epochs", "1"]
    words = ["objective:weighed", "objective.weight:constant", "--objective.weight.value", "3", "--out", "a", "--quiet"]
    forked(*start, *words)
    objective = json.loads((tmp_path / "a" / "experiment.json").read_text())["experiment"]["objective"]
    assert objective["weight"] == {"kind": "constant", "value": 3.0}


def test_a_broken_installed_plugin_is_reported_in_one_line(forked: Cli, tmp_path: Path) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[vaelab.specs]\nbroken = brokenplugin\n")
    (tmp_path / "brokenplugin.py").write_text("import nowhere_to_be_found")
    done = forked("parts", "prior", PYTHONPATH=str(tmp_path))
    assert "vamp" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("vaelab: the plugin 'broken' (brokenplugin) cannot be imported (ModuleNotFoundError: ")
    assert not forked("--help", PYTHONPATH=str(tmp_path)).stderr


LINES = {
    "vaelab tr": "train",
    "vaelab study b": "beta-sweep",
    "vaelab train cv": "cvae",
    "vaelab train --res": "--resume",
    "vaelab train vae --epo": "--epochs",
    "vaelab train vae --out x prior:va": "vamp",  # bash completes the part after the colon
    "vaelab fit-prior run --latent": "--latent",
    "vaelab figures run --fil": "--film",
    "vaelab parts pri": "prior",
    "vaelab completion z": "zsh",
}


def test_bash_completes_commands_flags_and_words(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(cli("completion", "bash").stdout)
    subprocess.run(["bash", "-n", "script"], cwd=tmp_path, check=True)
    queries = [f'COMP_LINE="{line}"; COMP_POINT={len(line)}; _vaelab; echo "${{COMPREPLY[*]}}"' for line in LINES]
    lines = "\n".join(["source ./script", "COMP_WORDBREAKS=' :='", *queries])
    done = subprocess.run(["bash", "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert dict(zip(LINES, done.stdout.splitlines(), strict=True)) == LINES


def test_fish_completes_commands_flags_and_words(cli: Cli, tmp_path: Path) -> None:
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    (tmp_path / "script").write_text(cli("completion", "fish").stdout)
    lines = "\n".join(["source ./script", *(f'complete -C "{line}" | head -n 1' for line in LINES)])
    home = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run(["fish", "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=True, env=home)
    expected = LINES | {"vaelab train vae --out x prior:va": "prior:vamp"}
    assert dict(zip(LINES, done.stdout.splitlines(), strict=True)) == expected


def test_zsh_accepts_its_script(cli: Cli, tmp_path: Path) -> None:
    script = cli("completion", "zsh").stdout
    assert script.startswith("autoload -U +X bashcompinit && bashcompinit\n")
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    (tmp_path / "script").write_text(script)
    subprocess.run(["zsh", "-n", "script"], cwd=tmp_path, check=True)
