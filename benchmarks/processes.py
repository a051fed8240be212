"""Two processes with a thread each beside one process with two threads: the rates of a training, in turn.

python benchmarks/processes.py                                        # the network of the study on MNIST
python benchmarks/processes.py --slices 2 --limit 2000 network:mlp    # a quick look, at another network

The rates are those of metrics.csv, without the start of the processes. The two take turns, so that other load on the
machine meets both.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
WAYS = {"one process, two threads": ((), "2"), "two processes, a thread each": (TORCHRUN, "1")}


def images_per_second(way: str, run: Path, limit: int, words: list[str]) -> float:
    """The rate of the second epoch of a training."""
    before, threads = WAYS[way]
    settings = ["--data", "mnist", "--epochs", "2", "--precision", "fp32", "--device", "cpu", "--limit", str(limit)]
    command = [sys.executable, *before, "-m", "vaelab", "train", "vae", *settings, "--out", str(run), *words]
    subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": threads}, check=True, capture_output=True)
    with (run / "metrics.csv").open() as file:
        return float(list(csv.DictReader(file))[-1]["images_per_second"])


def main() -> None:
    """Print the rates of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--slices", type=int, default=5, help="times that each is measured")
    parser.add_argument("--limit", type=int, default=12_000, help="images that are trained on and tested")
    parser.add_argument("words", nargs="*", help="settings of the training, such as network:mlp")
    chosen = parser.parse_args()
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as place:
        for number in range(chosen.slices):
            for way, found in rates.items():
                found.append(images_per_second(way, Path(place, f"{number} {way}"), chosen.limit, chosen.words))
    print("| | images per second, median (range) |\n| --- | --- |")
    for way, found in rates.items():
        print(f"| {way} | {median(found):,.0f} ({min(found):,.0f} to {max(found):,.0f}) |")
    ratios = [two / one for one, two in zip(*rates.values(), strict=True)]
    print(f"| ratio | {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |")


if __name__ == "__main__":
    main()
