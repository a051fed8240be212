"""Attacks on files, processes and input, each tried many times: `make campaign` prints tried, held and bad as a table.

    python -m tests.campaign [NAME ...] [--share 1.0] [--seed 0]

Held means: the program refused in one line (`UserError`, exit code 2), or gave exactly what it gives without the
attack. Bad is everything else: another exception, a traceback, an altered result. tests/test_campaign.py runs a small
share of each.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gzip
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import vaelab as vl
from vaelab.cli import main as command_line
from vaelab.data import Folder, Npz
from vaelab.data.idx import NAMES, read_splits
from vaelab.experiment import read_experiment
from vaelab.files import read_json
from vaelab.models.files import read_tensors, weights_digest
from vaelab.training import open_run

from . import warm

FULL = Path("/dev/full")

# A result is None if the attack was held, otherwise a sentence about what happened.
Campaign = Callable[[int, random.Random, Path], Iterator[str | None]]


def held(action: Callable[[], Any], allowed: Callable[[Any], bool] = lambda result: True) -> str | None:
    """None if the action is refused by a UserError of one line, or gives an allowed result."""
    try:
        result = action()
    except vl.UserError as error:
        return None if "\n" not in str(error) else f"several lines: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if allowed(result) else f"an altered result: {str(result)[:80]}"


def flipped(content: bytes, chance: random.Random) -> bytes:
    """The content with one bit flipped, cut short, or with some bytes replaced."""
    changed = bytearray(content)
    kind = chance.random()
    if kind < 0.1:
        return bytes(changed[: chance.randrange(len(changed))])
    if kind < 0.2:
        start = chance.randrange(len(changed))
        changed[start : start + 8] = chance.randbytes(8)
        return bytes(changed)
    # Half of the flips hit the first hundredth, where headers are.
    end = len(changed) if chance.random() < 0.5 else max(1, min(len(changed), 4000))
    place = chance.randrange(end)
    changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


def digits() -> vl.ImageData:
    whole = vl.open_data("digits")
    return vl.as_data(whole.images[:80], whole.labels[:80] % 2, name="some digits")


def small_run(folder: Path, epochs: int = 2) -> vl.Run:
    """A run of few steps on images of a file."""
    data = digits()
    np.savez(folder / "digits.npz", images=data.images, labels=data.labels)
    model = vl.VAE(network=vl.Mlp(hidden=(8,)), prior=vl.Vamp(2))
    training = vl.Training(epochs=epochs, batch_size=16, precision="fp32", device="cpu")
    experiment = vl.Experiment(Npz(str(folder / "digits.npz")), model=model, training=training)
    return vl.train(experiment, folder / "run", show=False)


def kills(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """A training killed at random moments, again and again, ends with the same bytes."""
    data = digits()
    np.savez(folder / "digits.npz", images=data.images, labels=data.labels)
    words = ["train", "vae", "--data", "npz:digits.npz", "--validation", "50", "network:mlp", "--epochs", "60"]
    words += ["--checkpoint-seconds", "0"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def start(*words: str) -> warm.Process:
        # Most moments are then of the training, not of the imports before it.
        return warm.start("-m", "vaelab", *words, "--quiet", folder=folder, environment=environment)

    began = time.monotonic()
    whole = start(*words, "--out", "whole")
    whole.communicate()
    needed = time.monotonic() - began
    names = ("last.safetensors", "best.safetensors", "checkpoint.safetensors")
    expected = {name: (folder / "whole" / name).read_bytes() for name in names}
    killed, attempt = 0, 0
    while killed < n:
        attempt += 1
        out, pending = f"killed-{attempt}", 0
        for restart in range(30):
            exists = (folder / out / "experiment.json").exists()
            process = start("train", "--resume", out) if exists else start(*words, "--out", out)
            time.sleep(needed * chance.uniform(0.3, 1.1) if restart < 29 else 600)
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            process.wait()
            pending += 1
            if killed + pending >= n:
                start(
                    *(
                        ("train", "--resume", out)
                        if (folder / out / "experiment.json").exists()
                        else (*words, "--out", out)
                    )
                ).wait()
                break
        equal = all((folder / out / name).read_bytes() == expected[name] for name in names)
        killed += pending
        yield from [None if equal else f"{out} ends with other bytes"] * pending
        shutil.rmtree(folder / out)


def flips(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """A model file and a checkpoint with flipped bits are refused, or give the same weights."""
    run = small_run(folder)
    digest = weights_digest(run.model)
    model, checkpoint = (run.folder / "last.safetensors", run.folder / "checkpoint.safetensors")
    tensors, about = read_tensors(checkpoint)
    broken = folder / "broken.safetensors"

    def same(read: Any) -> bool:
        return read[1] == about and all(read[0][name].equal(tensors[name]) for name in tensors)

    for index in range(n):
        if index % 2:
            broken.write_bytes(flipped(model.read_bytes(), chance))
            yield held(lambda: vl.load(broken), lambda loaded: weights_digest(loaded) == digest)
        else:
            broken.write_bytes(flipped(checkpoint.read_bytes(), chance))
            yield held(lambda: read_tensors(broken), same)


JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 3, 1e400, -1e400, 10**30, 0.5, "", "x", "vae", "\0", "a.b:C", "../../x", [], [1], [[]], {},
    {"kind": "vamp"}, {"kind": "os:system"}, {"kind": 3}, [None] * 3, {"": {}}, "é", "🙂",
)  # fmt: skip


def mutated(values: Any, chance: random.Random) -> Any:
    """JSON values in which one node is replaced, dropped, renamed or wrapped."""
    nodes: list[tuple[Any, Any]] = []

    def visit(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            nodes.append((node, key))
            if isinstance(value, dict | list):
                visit(value)

    changed = json.loads(json.dumps(values))
    visit(changed)
    node, key = chance.choice(nodes)
    kind = chance.random()
    if kind < 0.15:
        del node[key]
    elif kind < 0.3 and isinstance(node, dict):
        node[str(key) + chance.choice(["", "s", "_", "\0"])] = node.pop(key)
    elif kind < 0.35:
        deep: Any = chance.choice(JUNK)
        for _ in range(chance.choice([3, 100, 5000])):
            deep = [deep] if chance.random() < 0.5 else {"kind": deep}
        node[key] = deep
    else:
        node[key] = chance.choice(JUNK)
    return changed


def as_text(values: Any, chance: random.Random) -> str:
    """JSON text, sometimes with a name given twice or damaged."""
    try:
        text = json.dumps(values)
    except RecursionError:
        text = "[" * 100_000
    if chance.random() < 0.05:
        return text.replace('"kind"', '"kind": "x", "kind"', 1)
    return text[: chance.randrange(len(text) + 1)] if chance.random() < 0.05 else text


def trees(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """A damaged tree of settings is refused, or is a valid one."""
    records = []
    for name in ("vae", "vq-vae", "ladder", "beta-tcvae", "flow-vae"):
        from vaelab.codec import encode

        records.append(encode(vl.preset(name)))
    format = vl.open_data("digits").format
    path = folder / "experiment.json"
    for _ in range(n):
        path.write_text(as_text(mutated(chance.choice(records), chance), chance), errors="surrogatepass")
        yield held(lambda: read_experiment(path).check(format))


WORDS = (
    "train", "vae", "cvae", "vq-vae", "ladder", "evaluate", "figures", "report", "study", "paper", "claims", "families",
    "data", "fetch", "list", "parts", "prior", "completion", "bash", "fit-prior", "--out", "x", "--epochs", "0", "-1",
    "abc", "1e3", "--latent", "--limit", "--resume", "--config", "--plugin", "os", "--only", "elbo", "--help", "-V",
    "prior:vamp", "prior:vampp", "prior:mixture", "--prior.components", "network:mlp", "--network.hidden", "--quiet",
    "objective:iwae", "--objective.samples", "--beta", "nan", "inf", "", "=", "--", "-", "--data=", "\u00e9",
    "\U0001f642", "run.safetensors", "nowhere.json", "/", "..", "--film", "--seed", "--images", "schedule:cosine",
    "--learning-rate",
)  # fmt: skip


def lines(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """A random command line ends with 0 or with 2 and one line."""
    # A source that does not exist: whatever the line says, it does not train.
    start = [["train", "vae", "--data", "npz:nowhere.npz"], ["evaluate", "nowhere"], ["figures", "nowhere"], []]
    for _ in range(n):
        words = [*chance.choice(start), *(chance.choice(WORDS) for _ in range(chance.randrange(1, 7)))]
        if words[:1] == ["study"] or ("train" in words and "--data" not in words):
            words += ["--data", "npz:nowhere.npz"]
        if words[:1] == ["fetch"] or words[:2] == ["data", "fetch"]:
            words = ["data", "fetch", "nothing"]
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code: Any = command_line(words)
            except SystemExit as stop:
                code = stop.code
        said = err.buffer.getvalue().decode().strip()  # type: ignore[attr-defined]
        fine = (code in (0, None)) or (code == 2 and len(said.splitlines()) == 1 and "a fault in" not in said)
        yield None if fine else f"{words}: {code}: {said[:150]}"


def idx(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """A damaged IDX file is refused, or gives arrays that fit together."""
    images = np.random.default_rng(0).integers(0, 255, (12, 6, 6), np.uint8)
    labels = (np.arange(12) % 10).astype(np.uint8)
    contents = []
    for array, magic in ((images, 3), (labels, 1)) * 2:
        header = bytes((0, 0, 8, magic)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
        contents.append(header + array.tobytes())
    # Without the published checksum, which would refuse every change.
    files = vl.data.store.FileSet(title="A set", kind="a-set", names=NAMES, page="", downloads=())  # type: ignore[attr-defined]
    home = folder / "a-set"
    home.mkdir()
    for _ in range(n):
        hit = chance.randrange(4)
        for index, (name, content) in enumerate(zip(NAMES, contents, strict=True)):
            plain = content
            if index == hit and chance.random() < 0.7:
                plain = flipped(content, chance)
                if chance.random() < 0.3:
                    plain = plain[:4] + chance.randbytes(4) + plain[8:]
            packed = gzip.compress(plain, mtime=0)
            (home / name).write_bytes(flipped(packed, chance) if index == hit and plain is content else packed)
        yield held(lambda: read_splits(files, folder), lambda read: len(read[0]) == len(read[1]) and read[0].ndim == 4)


def npz(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """A damaged .npz file is refused, or gives images."""
    data, path = digits(), folder / "set.npz"
    np.savez(path, images=data.images, labels=data.labels, classes=np.array(["even", "odd"]))
    whole = path.read_bytes()
    for _ in range(n):
        path.write_bytes(flipped(whole, chance))
        yield held(lambda: vl.open_data(Npz(str(path))), lambda read: len(read.images) == len(read.labels))


def pictures(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """A folder with a damaged image is refused, or gives images of the right size."""
    values = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    contents = {}
    for suffix in ("png", "jpg", "gif", "bmp", "webp", "tif"):
        file = io.BytesIO()
        Image.fromarray(values).save(file, {"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix))
        contents[suffix] = file.getvalue()
    for name in ("a", "b"):
        (folder / name).mkdir()
        for index in range(4):
            (folder / name / f"{index}.png").write_bytes(contents["png"])
    for _ in range(n):
        suffix = chance.choice(list(contents))
        broken = folder / "a" / f"broken.{suffix}"
        broken.write_bytes(flipped(contents[suffix], chance))
        yield held(
            lambda: vl.open_data(Folder(str(folder), image_size=8, skip_broken=chance.random() < 0.5)),
            lambda read: read.images.shape[2:] == (8, 8) and read.classes == ("a", "b"),
        )
        broken.unlink()


WRITER = """
import json, sys
from pathlib import Path
from vaelab.files import write_atomically
writer, n = sys.argv[2], int(sys.argv[3])
for index in range(n):
    write_atomically(Path(sys.argv[1]), json.dumps({"writer": writer, "index": index, "text": writer * 5000}))
"""


def writers(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """Several writers of one file and a reader at once: every write succeeds, and every read is whole."""
    path, count = folder / "file.json", 3
    path.write_text(json.dumps({"writer": "0", "text": "0" * 5000}))
    words = [sys.executable, "-c", WRITER, str(path)]
    processes = [subprocess.Popen([*words, str(writer), str(n // count)]) for writer in range(count)]
    torn = 0
    while any(process.poll() is None for process in processes):
        try:
            values = read_json(path)
            torn += values["text"] != values["writer"] * 5000
        except Exception:
            torn += 1
    for process in processes:
        yield from [None if process.returncode == 0 else "a write failed"] * (n // count)
    if torn:
        yield f"{torn} torn reads"
    left = [file.name for file in folder.iterdir() if file.name != "file.json"]
    if left:
        yield f"files are left: {left}"


def folders(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """A run folder with a damaged or missing file is refused, or gives what the whole one gives."""
    run = small_run(folder)
    shutil.copytree(run.folder, folder / "reference")
    digest = weights_digest(vl.resume(folder / "reference", epochs=3, show=False).model)
    first = weights_digest(run.model)
    names = ("experiment.json", "last.safetensors", "checkpoint.safetensors", "metrics.csv", "events.jsonl")
    broken = folder / "broken"
    actions: list[tuple[Callable[[], Any], Callable[[Any], bool]]] = [
        (lambda: vl.resume(broken, epochs=3, show=False).model, lambda model: weights_digest(model) == digest),
        (lambda: open_run(broken).model, lambda model: weights_digest(model) == first),
        (lambda: _quietly(["report", str(broken), "--out", str(broken / "r.html")]), lambda code: code in (0, 2)),
        (
            lambda: _quietly(["evaluate", str(broken), "--only", "elbo", "--images", "20"]),
            lambda code: code in (0, 2),
        ),
    ]
    for _ in range(n):
        shutil.copytree(run.folder, broken)
        path = broken / chance.choice(names)
        kind = chance.random()
        if kind < 0.15:
            path.unlink()
        elif kind < 0.25:
            path.write_bytes(chance.choice([b"", b"\0" * 50, b"[]", b"{}", b"null", b"\xff\xfe", b'{"experiment": 3}']))
        elif kind < 0.5 and path.suffix == ".json":
            path.write_text(as_text(mutated(json.loads(path.read_text()), chance), chance), errors="surrogatepass")
        elif kind < 0.6:
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes(flipped(path.read_bytes(), chance))
        action, allowed = actions[0] if chance.random() < 0.5 else chance.choice(actions)
        found = held(action, allowed)
        yield None if found is None else f"{path.name}: {found}"
        shutil.rmtree(broken)


def _quietly(words: list[str]) -> int:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return command_line(words)


def _process(words: list[str], folder: Path, environment: dict[str, str], **more: Any) -> tuple[int, str]:
    """The exit code and standard error of the command line in a process of its own."""
    command = [sys.executable, "-m", "vaelab", *words]
    more = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE} | more
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, timeout=300, check=False, **more)
    return done.returncode, (done.stderr or b"").decode(errors="replace")


def _refusal(code: int, errors: str) -> str | None:
    """None if a process ended well, or with exit code 2 and a last line of its own."""
    if code == 0 and "Traceback" not in errors:
        return None
    # With FORCE_COLOR the line stands where the display of the progress was.
    last = (re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", errors).strip().splitlines() or [""])[-1]
    return None if code == 2 and "Traceback" not in errors and last.startswith("vaelab: ") else f"{code}: {last[:120]}"


# The command line where no file grows beyond a number of bytes, as under a quota.
LIMITED = """
import contextlib, io, resource, sys
from vaelab.cli import main
room = int(sys.argv.pop(1))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
try:
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = main(sys.argv[1:])
finally:
    # What it says goes to a file as well.
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    sys.stderr.write(said.getvalue())
sys.exit(code)
"""


def disk(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """A training on a disk that fills up stops in one line, and ends with the same bytes once there is room."""
    begun = small_run(folder, epochs=1).folder
    words = ["train", "--resume", "full", "--epochs", "3", "--quiet"]

    def refusal(*start: str) -> str | None:
        done = warm.run(*start, *words, folder=folder, environment=os.environ | {"OMP_NUM_THREADS": "1"})
        return _refusal(done.returncode, done.stderr)

    shutil.copytree(begun, folder / "full")
    refusal("-m", "vaelab")
    names = ("last.safetensors", "best.safetensors", "checkpoint.safetensors")
    expected = {name: (folder / "full" / name).read_bytes() for name in names}
    largest = max(map(len, expected.values()))
    for _ in range(n):
        shutil.rmtree(folder / "full")
        shutil.copytree(begun, folder / "full")
        room = chance.choice([chance.randrange(4000), chance.randrange(largest)])
        found = refusal("-c", LIMITED, str(room))
        if found is None:
            found = refusal("-m", "vaelab")
            if any((folder / "full" / name).read_bytes() != content for name, content in expected.items()):
                found = "it ends with other bytes"
        yield None if found is None else f"room for {room} bytes: {found}"


ENVIRONMENTS: tuple[dict[str, str], ...] = (
    {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "xx_XX.ISO-8859-1"}, {"HOME": "/nowhere"},
    {"HOME": "/proc"}, {"HOME": ""}, {"TMPDIR": "/nowhere"}, {"XDG_CACHE_HOME": "/proc/x"},
    {"COLUMNS": "0"}, {"COLUMNS": "1"}, {"COLUMNS": "wide"}, {"TERM": "dumb"}, {"TERM": ""}, {"NO_COLOR": "1"},
    {"FORCE_COLOR": "1"}, {"MPLBACKEND": "TkAgg"}, {"MPLBACKEND": "nonsense"}, {"MPLCONFIGDIR": "/nowhere"},
    {"VAELAB_DATA": "/nowhere"}, {"VAELAB_DATA": "/dev/null"}, {"VAELAB_DATA": ""}, {"PATH": ""},
    {"PYTHONOPTIMIZE": "1"}, {"PYTHONOPTIMIZE": "2"}, {"PYTHONHASHSEED": "7"}, {"PYTHONWARNINGS": "always"},
    {"TZ": "Nowhere/Nothing"}, {"CUDA_VISIBLE_DEVICES": "9"}, {"OMP_NUM_THREADS": "3"}, {"SOURCE_DATE_EPOCH": "x"},
)  # fmt: skip


def environments(n: int, chance: random.Random, folder: Path) -> Iterator[str | None]:
    """In an odd environment a command works, or ends in one line, and a training gives the same weights."""
    run = small_run(folder)
    record, digest = str(run.folder / "experiment.json"), weights_digest(run.model)
    folders = [folder, folder / "with spaces and \u00e9", folder / "gone", folder / "shut"]
    commands = (
        ["--help"], ["train", "vae", "--help"], ["parts"], ["data", "list"], ["train", "vae", "--data", "mnist"],
        ["train", "--config", record, "--out", str(folder / "again")],
        ["evaluate", str(run.folder), "--only", "elbo"], ["figures", str(run.folder), "--only", "reconstructions"],
        ["report", str(run.folder), "--out", str(folder / "report.html")],
    )  # fmt: skip
    for _ in range(n):
        for place in folders:
            place.mkdir(exist_ok=True)
        folders[3].chmod(0o500)
        given: dict[str, str] = {"OMP_NUM_THREADS": "1"}
        for chosen in chance.sample(ENVIRONMENTS, 2):
            given |= chosen
        place, words = chance.choice(folders), list(chance.choice(commands))
        more: dict[str, Any] = chance.choice([{}, {}, {"stdin": subprocess.DEVNULL}, {"stdout": FULL.open("wb")}])
        # The folder of a process can vanish while it runs.
        leave = functools.partial(os.rmdir, place) if place.name == "gone" else None
        code, errors = _process(words, place, given, preexec_fn=leave, **more)
        found = _refusal(code, errors)
        if code == 0 and (folder / "again").exists() and weights_digest(open_run(folder / "again").model) != digest:
            # Another number of threads may change the last bits.
            found = None if given["OMP_NUM_THREADS"] == "3" else "other weights"
        yield None if found is None else f"{' '.join(words[:2])} in {place.name} with {given} {list(more)}: {found}"
        shutil.rmtree(folder / "again", ignore_errors=True)


CAMPAIGNS: dict[str, tuple[Campaign, int]] = {
    "kills": (kills, 100),
    "flips": (flips, 1000),
    "trees": (trees, 2500),
    "lines": (lines, 600),
    "idx": (idx, 400),
    "npz": (npz, 400),
    "pictures": (pictures, 300),
    "writers": (writers, 1500),
    "folders": (folders, 200),
    "disk": (disk, 25),
    "environments": (environments, 100),
}


def run(name: str, share: float, seed: int) -> tuple[int, list[str]]:
    """The number of attacks of a campaign that were tried, and the bad cases."""
    campaign, n = CAMPAIGNS[name]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = list(campaign(max(1, round(n * share)), random.Random(f"{name} {seed}"), Path(folder)))
    return len(results), [result for result in results if result is not None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CAMPAIGNS))
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("| campaign | tried | held | bad |\n| --- | --- | --- | --- |", flush=True)
    everything: list[str] = []
    for name in arguments.names:
        tried, bad = run(name, arguments.share, arguments.seed)
        says = (CAMPAIGNS[name][0].__doc__ or "").rstrip(".")
        print(f"| {name}: {says} | {tried:,} | {tried - len(bad):,} | {len(bad)} |", flush=True)
        everything += [f"{name}: {sentence}" for sentence in bad]
    for sentence in everything:
        print(sentence, file=sys.stderr)
    return min(1, len(everything))


if __name__ == "__main__":
    sys.exit(main())
