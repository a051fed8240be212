"""The study's two models trained side by side, a thread each, and one after the other with two threads: images/s.

    python benchmarks/side_by_side.py [--rounds 5] [--seconds 10] [--images 6000]

VAE and CVAE by the recipe speedrun, on training images of MNIST, or digits where there is no MNIST. Each loop has a
process of its own and trains for as long as a slice. In a round the VAE and the CVAE have a slice at the same time, and
one each alone, in turn, so that other load on the machine meets all of them. The last row compares the times in which
both have seen as many images.
"""

from __future__ import annotations

import argparse
import tempfile
from multiprocessing.connection import Connection
from statistics import median

import torch

import vaelab as vl
from slices import Gate, Loop, warm_up
from throughput import FOREVER, Gated
from vaelab.data.auto import open_auto
from vaelab.studies.recipes import Recipe, study_experiment
from vaelab.training.train import train

MODELS = ("vae", "cvae")


def trained(pipe: Connection, name: str, data: vl.ImageData, threads: int) -> None:
    """The training of a model, held back between slices."""
    torch.set_num_threads(threads)
    experiment = study_experiment(name, Recipe.speedrun, len(data), epochs=FOREVER)
    with tempfile.TemporaryDirectory() as folder:
        train(experiment, f"{folder}/run", data=data, watcher=Gated(Gate(pipe, torch.device("cpu"))), show=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a slice")
    parser.add_argument("--images", type=int, default=6000)
    chosen = parser.parse_args()
    images = open_auto()[1].split("train").take(slice(0, chosen.images))
    # The test pass is over one image, since only steps are compared.
    data = vl.ImageData(
        images.name, images.images, images.labels, images.classes, {"train": range(1, len(images)), "test": range(1)}
    )
    alone = {name: Loop(trained, name, data, 2) for name in MODELS}
    beside = {name: Loop(trained, name, data, 1) for name in MODELS}
    for loops in (alone, beside):
        warm_up(loops, chosen.seconds)
    for _ in range(chosen.rounds):
        for loop in beside.values():
            loop.begin(chosen.seconds)
        for loop in beside.values():
            loop.end()
        for loop in alone.values():
            loop.slice(chosen.seconds)
    print(f"{data.name}, {len(images):,} images, {chosen.rounds} rounds of {chosen.seconds:g} s\n")
    print("| | images per second, median (range) |\n| --- | --- |")
    for way, loops in {"a thread, beside the other": beside, "two threads, alone": alone}.items():
        for name, loop in loops.items():
            low, high = min(loop.speeds), max(loop.speeds)
            print(f"| {name}, {way} | {median(loop.speeds):,.0f} ({low:,.0f} to {high:,.0f}) |")
    rounds = zip(*(loop.speeds for loop in (*beside.values(), *alone.values())), strict=True)
    ratios = [sum(1 / rate for rate in apart) / max(1 / one, 1 / other) for one, other, *apart in rounds]
    times = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"| time one after the other, in that side by side | {times} |")
    for loop in (*alone.values(), *beside.values()):
        loop.stop()


if __name__ == "__main__":
    main()
