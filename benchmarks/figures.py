"""Time of all figures of a run, and the extra time of a film.

python benchmarks/figures.py runs/vae runs/cvae [--rounds 3]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from vaelab.experiment import read_experiment


def seconds(run: Path, *words: str) -> tuple[float, int]:
    """The wall-clock time of a `vaelab figures` process, and the files it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [sys.executable, "-m", "vaelab", "figures", str(run), "--out", folder, "--quiet", *words]
        subprocess.run(command, check=True)
        return time.perf_counter() - began, len(list(Path(folder).iterdir()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print("run, files, seconds (median and range), with film, ratio with film (median and range)")
    for run in arguments.runs:
        # A film needs a two-dimensional latent space and snapshots of earlier epochs.
        plane = read_experiment(run / "experiment.json").model.latent == 2
        has_film = plane and (run / "snapshots").exists()
        plain, filmed = [], []
        for _ in range(arguments.rounds):
            time_of_one, files = seconds(run)
            plain.append(time_of_one)
            if has_film:
                filmed.append(seconds(run, "--film")[0])
        line = f"{run}: {files} files, {median(plain):.1f} s ({min(plain):.1f} to {max(plain):.1f})"
        if filmed:
            ratios = [film / figures for film, figures in zip(filmed, plain, strict=True)]
            line += f", with film {median(filmed):.1f} s, ratio {median(ratios):.2f}"
            line += f" ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line, flush=True)


if __name__ == "__main__":
    main()
