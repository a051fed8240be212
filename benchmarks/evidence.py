"""Time and memory of the exact log p(x) of a test set, importance samples and all disentanglement scores.

python benchmarks/evidence.py RUN [--images 10000] [--samples 1000] [--rounds 3]
python benchmarks/evidence.py RUN --only bf16-change --images 500 --samples 200 --rounds 1     # what bf16 changes

RUN is the folder of a model with two latent dimensions and binary pixels. Each task runs in a separate process, to
measure its peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch


def measured(run: Path, n_images: int) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor | None]:
    """The model, its images and their labels, and memory kept as `vaelab evaluate` keeps it."""
    from vaelab.metrics.images import condition_of, pixels_of
    from vaelab.training import open_run
    from vaelab.training.device import keep_freed_memory

    keep_freed_memory()
    opened = open_run(run)
    test = opened.load_data().split("test")
    test = test.take(slice(0, n_images))
    return opened.model, pixels_of(test, opened.experiment.binarisation), condition_of(test, opened.model)


def exact(run: Path, n_images: int, samples: int) -> dict[str, float]:
    """Quadrature over two latent dimensions."""
    from vaelab.metrics.evidence import exact_evidence

    model, x, y = measured(run, n_images)
    began = time.perf_counter()
    evidence = exact_evidence(model, x, y)
    return {
        "seconds": time.perf_counter() - began,
        "images": len(x),
        "log_p": float(evidence.log_p.mean()),
        "halving_moves_the_mean_by": float(evidence.refining.mean().abs()),
        "halving_moves_an_image_by_at_most": float(evidence.refining.abs().max()),
        "widening": float(evidence.widening.mean()),
        "points": evidence.points,
    }


def importance(run: Path, n_images: int, samples: int, **options: str) -> dict[str, float]:
    """IWAE-k."""
    from vaelab.metrics.evidence import importance_bound

    model, x, y = measured(run, n_images)
    began = time.perf_counter()
    bound = importance_bound(model, x, y, samples, seed=0, **options)
    return {
        "seconds": time.perf_counter() - began,
        "images": len(x),
        "samples": samples,
        "bound": bound.mean,
        "elbo": float(bound.elbo.mean()),
    }


def bf16_change(run: Path, n_images: int, samples: int) -> dict[str, float]:
    """IWAE-k in bf16 minus that in fp32 with the same draws, nats."""
    from vaelab.metrics.evidence import importance_bound

    model, x, y = measured(run, n_images)
    began = time.perf_counter()
    exact, rounded = (importance_bound(model, x, y, samples, seed=0, precision=way) for way in ("fp32", "bf16"))
    change = rounded.log_p - exact.log_p
    return {
        "seconds": time.perf_counter() - began,
        "images": len(x),
        "samples": samples,
        "standard_deviation": float(change.std()),
        "at_most": float(change.abs().max()),
        "of_the_mean": float(change.mean()),
    }


def disentanglement(run: Path, n_images: int, samples: int) -> dict[str, float]:
    """All scores of a representation of 10,000 images in ten dimensions, against the five factors of sprites."""
    from vaelab import Sprites
    from vaelab.metrics.disentanglement import disentanglement_scores, factors_of

    names, factors, categorical = factors_of(Sprites(limit=10_000, image_size=16).load())
    random = np.random.default_rng(0)
    # A noisy linear mixture of all factors.
    z = factors @ random.normal(size=(factors.shape[1], 10)) + random.normal(size=(len(factors), 10))
    began = time.perf_counter()
    disentanglement_scores(z, factors, categorical)
    return {"seconds": time.perf_counter() - began, "images": len(z), "dimensions": 10, "factors": len(names)}


TASKS = {
    "exact": exact,
    "importance": importance,
    "importance-bf16": partial(importance, precision="bf16"),
    "bf16-change": bf16_change,
    "disentanglement": disentanglement,
}


def alone(task: str, arguments: argparse.Namespace) -> dict[str, float]:
    """The result of a task in a separate process, with its peak memory."""
    words = [sys.executable, __file__, str(arguments.run), "--images", str(arguments.images)]
    words += ["--samples", str(arguments.samples), "--task", task]
    result: dict[str, float] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        result = TASKS[arguments.task](arguments.run, arguments.images, arguments.samples)
        result["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        print(json.dumps(result))
        return
    for task in arguments.only:
        rounds = [alone(task, arguments) for _ in range(arguments.rounds)]
        seconds = [result.pop("seconds") for result in rounds]
        rest = ", ".join(f"{name} {value:,.6g}" for name, value in rounds[-1].items())
        print(f"{task}: {median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f}); {rest}", flush=True)


if __name__ == "__main__":
    main()
