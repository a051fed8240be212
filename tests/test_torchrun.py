"""Training by several processes: one writer, a process that dies, one that hangs, and resuming with another number."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import vaelab
from vaelab.cli import main
from vaelab.processes import timeout
from vaelab.training import open_run

from . import warm

# A user's own program, which goes on when its training has failed.
PROGRAM = """
import os, pathlib, signal, sys, time
import vaelab as vl
from vaelab.training import group
group._LAST_WORDS = float(sys.argv[3])
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
try:
    vl.resume(sys.argv[1], epochs=10_000)
except vl.UserError:
    pathlib.Path(sys.argv[2]).touch()
while True:
    time.sleep(0.1)
"""
# So many that processes are stopped long before the last one.
EPOCHS = 60
PATIENCE = 120


def resume(out: Path, place: dict[str, str]) -> warm.Process:
    """A process that resumes the run, one of several."""
    return warm.start("-m", "vaelab", "train", "--resume", str(out), "--epochs", str(EPOCHS), environment=place)


def under_torchrun(out: Path) -> subprocess.Popen[str]:
    """`torchrun` with two processes that resume the run."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [*torchrun, "-m", "vaelab", "train", "--resume", str(out), "--epochs", str(EPOCHS)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def process_of_rank(rank: int, out: Path) -> int:
    """The process that trains as this rank into a folder."""
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if f"RANK={rank}".encode() in environment and str(out).encode() in words:
            return int(entry.name)
    raise AssertionError(f"no process of rank {rank}")


def places(processes: int) -> list[dict[str, str]]:
    """The environment of each of several processes that find each other as those of `torchrun` do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = os.environ | {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [place | {"RANK": str(rank)} for rank in range(processes)]


def epochs_done(out: Path) -> int:
    return len((out / "metrics.csv").read_text().splitlines()) - 1


def wait_for_epochs(process: subprocess.Popen[str] | warm.Process, out: Path) -> None:
    """Wait until two more epochs are done."""
    before, waited = epochs_done(out), time.monotonic()
    while epochs_done(out) < before + 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - waited < PATIENCE
        time.sleep(0.01)


def lines(said: str) -> list[str]:
    """What vaelab said, without the traceback of its own that torchrun ends with."""
    assert str(Path(vaelab.__file__).parent) not in said
    return [line for line in said.splitlines() if line.startswith("vaelab:")]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds a process by its environment in /proc")
def test_one_process_then_two_then_three_then_one_train_what_one_does(digits_file: Path, tmp_path: Path) -> None:
    alone, out = tmp_path / "alone", tmp_path / "together"
    words = ["train", "vae", "--data", f"npz:{digits_file}", "--precision", "fp32", "--device", "cpu"]
    assert main([*words, "--out", str(alone), "--epochs", str(EPOCHS), "network:mlp"]) == 0
    assert main([*words, "--out", str(out), "--epochs", "2", "network:mlp"]) == 0

    # One of two is killed.
    pair = under_torchrun(out)
    wait_for_epochs(pair, out)
    os.kill(process_of_rank(1, out), signal.SIGKILL)
    _, said = pair.communicate(timeout=PATIENCE)
    assert pair.returncode != 0
    (line,) = lines(said)
    assert "another of the 2 processes has ended" in line
    assert "--resume" in line
    assert 4 <= len(open_run(out).rows) < EPOCHS

    # One of three hangs.
    three = [resume(out, place | {"VAELAB_PROCESS_TIMEOUT": "4"}) for place in places(3)]
    try:
        wait_for_epochs(three[0], out)
        three[2].send_signal(signal.SIGSTOP)
        found = [process.communicate(timeout=PATIENCE)[1] for process in three[:2]]
        assert all(process.returncode == 2 for process in three[:2])
        (line,) = [line for said in found for line in lines(said)]
        assert "has not answered for 4 s (VAELAB_PROCESS_TIMEOUT)" in line
    finally:
        three[2].kill()
        three[2].communicate()
    assert 6 <= len(open_run(out).rows) < EPOCHS

    assert main(["train", "--resume", str(out), "--epochs", str(EPOCHS)]) == 0
    last, expected = open_run(out).rows[-1], open_run(alone).rows[-1]
    assert last["epoch"] == expected["epoch"] == EPOCHS
    assert last["test_total"] == pytest.approx(expected["test_total"], rel=1e-5)


@pytest.mark.parametrize("last_words", ["0", "2"])
def test_a_program_that_goes_on_after_another_has_died_ends_as_it_wants_to(
    last_words: str, digits_file: Path, tmp_path: Path
) -> None:
    out, goes_on = tmp_path / "run", tmp_path / "goes on"
    words = ["train", "vae", "--data", f"npz:{digits_file}", "--precision", "fp32", "--device", "cpu"]
    assert main([*words, "--out", str(out), "--epochs", "1", "network:mlp"]) == 0
    one, other = (warm.start("-c", PROGRAM, out, goes_on, last_words, environment=place) for place in places(2))
    try:
        wait_for_epochs(one, out)
        other.kill()
        waited = time.monotonic()
        while not goes_on.exists():
            assert one.poll() is None, one.communicate()
            assert time.monotonic() - waited < PATIENCE
            time.sleep(0.01)
        one.send_signal(signal.SIGTERM)
        assert one.wait(PATIENCE) == 7
    finally:
        for process in (one, other):
            process.kill()


def test_a_timeout_that_is_no_number_of_seconds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAELAB_PROCESS_TIMEOUT", "soon")
    with pytest.raises(vaelab.UserError, match="VAELAB_PROCESS_TIMEOUT is 'soon', but must be a number of seconds"):
        timeout()
