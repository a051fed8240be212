"""Annealed importance sampling with its default settings against the exact log p(x), in two versions.

python benchmarks/annealing.py COMMIT RUN...     # COMMIT against the working tree

Each RUN is the folder of a model with at most three latent dimensions. Its test images are binarised once. Prints the
mean and the worst difference from the exact value, how many images miss more than a nat, the gap of bidirectional Monte
Carlo on as many generated images, and the processor time of both.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def measured(run: Path, n_images: int, seed: int) -> dict[str, float]:
    """Both measurements of a run, with the version of vaelab that is imported."""
    import torch

    from vaelab import Budget
    from vaelab.data import Dynamic
    from vaelab.evaluation.measurement import Measurement
    from vaelab.measured import MeasuredModel
    from vaelab.metrics.evidence import annealed_bound, bidirectional_bounds, exact_evidence
    from vaelab.training import open_run

    torch.set_num_threads(1)
    opened = open_run(run)
    model = opened.model
    budget = Budget(n_images=n_images, n_costly=n_images)
    x, y = Measurement(MeasuredModel(model, opened.load_data(), Dynamic()), budget).costly_batch
    exact = exact_evidence(model, x, y).log_p
    began = time.process_time()
    annealed = annealed_bound(model, x, y, seed=seed)
    halfway = time.process_time()
    gap = bidirectional_bounds(model, y, n_images, seed=seed).gap
    ended = time.process_time()
    difference = annealed.log_p.cpu() - exact
    return {
        "mean": float(difference.mean()),
        "standard error": float(difference.std() / len(difference) ** 0.5),
        "worst": float(difference.min()),
        "more than 1 nat low": int((difference < -1).sum()),
        "BDMC gap": gap,
        "AIS seconds": halfway - began,
        "BDMC seconds": ended - halfway,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(measured(arguments.runs[0], arguments.images, arguments.seed)))
        return
    settings = ["--images", str(arguments.images), "--seed", str(arguments.seed), "--inside"]
    with tempfile.TemporaryDirectory() as folder:
        words = ["git", "archive", arguments.commit, "src"]
        packed = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        versions = {arguments.commit: Path(folder) / "src", "working tree": ROOT / "src"}
        for run in arguments.runs:
            for version, source in versions.items():
                found = subprocess.run(
                    [sys.executable, __file__, arguments.commit, str(run), *settings],
                    env=os.environ | {"PYTHONPATH": str(source)},
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                numbers = ", ".join(f"{name} {value:.3g}" for name, value in json.loads(found.stdout).items())
                print(f"{run.name:<20} {version:<14} {numbers}", flush=True)


if __name__ == "__main__":
    main()
