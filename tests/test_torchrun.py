"""Training under `torchrun`: one writer, the death of a process, and resuming with another number of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import vaelab
from vaelab.training import open_run

# So many that the process is killed long before the last one.
EPOCHS = 60
SETTINGS = ["--epochs", str(EPOCHS), "--precision", "fp32", "--device", "cpu", "network:mlp"]
PATIENCE = 120


def start(processes: int, *words: str | Path) -> subprocess.Popen[str]:
    together = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return subprocess.Popen(
        [sys.executable, *(together if processes > 1 else []), "-m", "vaelab", "train", *map(str, words)],
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


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds a process by its environment in /proc")
def test_a_killed_process_ends_all_and_one_process_resumes_the_run(digits_file: Path, tmp_path: Path) -> None:
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    settings = ["vae", "--data", f"npz:{digits_file}", *SETTINGS]
    single = start(1, *settings[:3], "--out", alone, *settings[3:])
    pair = start(2, *settings[:3], "--out", killed, *settings[3:])
    rows = killed / "metrics.csv"
    waited = time.monotonic()
    while not rows.exists() or len(rows.read_text().splitlines()) < 4:
        assert pair.poll() is None, pair.communicate()
        assert time.monotonic() - waited < PATIENCE
        time.sleep(0.01)
    os.kill(process_of_rank(1, killed), signal.SIGKILL)
    _, said = pair.communicate(timeout=PATIENCE)
    assert pair.returncode != 0
    (line,) = (line for line in said.splitlines() if line.startswith("vaelab:"))
    assert "another of the 2 processes has ended" in line
    assert "--resume" in line
    # torchrun ends with a traceback of its own, through none of our files.
    assert str(Path(vaelab.__file__).parent) not in said
    assert 3 <= len(open_run(killed).rows) < EPOCHS

    _, said = (resumed := start(1, "--resume", killed)).communicate(timeout=PATIENCE)
    assert resumed.returncode == 0, said
    assert single.wait(PATIENCE) == 0
    last, expected = open_run(killed).rows[-1], open_run(alone).rows[-1]
    assert last["epoch"] == expected["epoch"] == EPOCHS
    assert last["test_total"] == pytest.approx(expected["test_total"], rel=1e-5)
