"""Images/s of training against batch size, size of the latent, size of the image, threads and processes.

The study's VAE on grey images of 28 x 28 pixels, batch 128, z of two dimensions, one thread, one process; each curve
changes one of these. Every point is a training in a process of its own (two for two processes), which runs for a slice
of a few seconds while all others wait; a round has a slice of each, and the order turns round from round to round. The
medians and quartiles over rounds go into a figure, a JSON file and a table for docs/results.md. Pixels are random
numbers, since their values cost nothing. Run nothing else meanwhile; the defaults take under five minutes on two cores.

    python benchmarks/scaling.py [--rounds 5] [--seconds 2] [--only batch latent ...] [--figure FILE] [--out FILE]
    python benchmarks/scaling.py --draw FILE [--figure FILE]     # the figure and the table of an earlier run
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

import vaelab as vl
from slices import Loop, turns, warm_up
from throughput import FOREVER, train_for_ever
from vaelab.plots.style import BLUE, save_figure, styled
from vaelab.precision import computes_in_bf16
from vaelab.training.device import choose_device, describe_machine

# Total number of pixels at every point, that of MNIST, so that images take the same memory at each size.
_PIXELS = 60_000 * 28 * 28


@dataclass(frozen=True)
class Point:
    """The settings of a timed training."""

    batch: int = 128
    latent: int = 2
    size: int = 28
    threads: int = 1
    processes: int = 1


_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_COUNTS = [count for count in (1, 2, 4, 8, 16, 32, 64) if count <= _CORES]

# The field that a curve changes, its values, and the label of its axis.
CURVES: dict[str, tuple[list[int], str]] = {
    "batch": ([16, 32, 64, 128, 256, 512, 1024], "batch size (images)"),
    "latent": ([2, 8, 32, 128, 512], "latent size (dimensions)"),
    "size": ([16, 28, 48, 64, 96], "image size (pixels per side)"),
    "threads": (_COUNTS, "threads of one process"),
    "processes": (_COUNTS, "processes of one thread"),
}


def timed(pipe: Connection | None, point: Point, rank: int, port: int, folder: str, device: str) -> None:
    """Train for ever; the first process of a point is held back between slices, and the others wait for it."""
    torch.set_num_threads(point.threads)
    if point.processes > 1:
        os.environ |= {
            "RANK": str(rank),
            "WORLD_SIZE": str(point.processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    experiment = vl.preset("vae", epochs=FOREVER, batch_size=point.batch, latent=point.latent, device=device)
    shape = (_PIXELS // point.size**2, 1, point.size, point.size)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    train_for_ever(pipe, experiment, images, folder)


class Group:
    """The processes of a point: a loop, and those that train with it."""

    def __init__(self, point: Point, folder: str, device: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.loop = Loop(timed, point, 0, port, folder, device)
        spawn = multiprocessing.get_context("spawn").Process
        others = range(1, point.processes)
        self.others = [
            spawn(target=timed, args=(None, point, rank, port, folder, device), daemon=True) for rank in others
        ]
        for process in self.others:
            process.start()

    def stop(self) -> None:
        """End all of them; first those that would report that another one has ended."""
        for process in self.others:
            process.kill()
            process.join()
        self.loop.stop()


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """The images/s of every point, slice by slice."""
    device = choose_device(chosen.device)
    curves = {
        name: {value: replace(Point(), **{name: value}) for value in CURVES[name][0]}
        for name in chosen.only
        if device.type == "cpu" or name not in ("threads", "processes")
    }
    # The point that all curves share is timed once.
    points = dict.fromkeys(point for curve in curves.values() for point in curve.values())
    minutes = len(points) * (chosen.rounds * chosen.seconds + 4) / 60
    print(f"{len(points)} points, some {minutes:.1f} minutes on a quiet machine", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        groups = {point: Group(point, f"{folder}/{number}", str(device)) for number, point in enumerate(points)}
        loops = {str(point): group.loop for point, group in groups.items()}
        try:
            warm_up(loops, chosen.seconds / 4)
            for name in turns(loops, chosen.rounds):
                loops[name].slice(chosen.seconds)
        finally:
            for group in groups.values():
                group.stop()
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "machine": describe_machine(device, computes_in_bf16(device, "auto")),
        "commit": head.stdout.strip(),
        "rounds": chosen.rounds,
        "seconds": chosen.seconds,
        "images per second": {
            name: {str(value): loops[str(point)].speeds for value, point in curve.items()}
            for name, curve in curves.items()
        },
    }


def spread(speeds: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    low, middle, high = statistics.quantiles(speeds, n=4, method="inclusive")
    return low, middle, high


def table(found: dict[str, Any]) -> str:
    """The block for docs/results.md: a row per curve and value."""
    lines = ["| changed | to | images/s, median | quartiles |", "| --- | --- | --- | --- |"]
    for name, curve in found["images per second"].items():
        for value, speeds in curve.items():
            low, middle, high = spread(speeds)
            lines.append(f"| {CURVES[name][1]} | {value} | {middle:,.0f} | {low:,.0f} to {high:,.0f} |")
    return "\n".join(lines)


def draw(found: dict[str, Any]) -> Figure:
    """A panel per curve, narrow enough for a telephone."""
    curves = found["images per second"]
    with styled():
        rows = -(-len(curves) // 2)
        figure = Figure(figsize=(4.6, 2.0 * rows), layout="constrained")
        panels = figure.subplots(rows, 2, squeeze=False).ravel()
        for axes, (name, curve) in zip(panels, curves.items(), strict=False):
            _panel(axes, CURVES[name][1], curve)
        for axes in panels[len(curves) :]:
            axes.set_axis_off()
            axes.text(0, 0.5, _note(found), va="center", fontsize=8, transform=axes.transAxes)
        for axes in panels[: len(curves) : 2]:
            axes.set_ylabel("images/s")
    return figure


def _note(found: dict[str, Any]) -> str:
    """The text of a panel that has no curve."""
    same, slices = Point(), f"{found['rounds']}\nslices of {found['seconds']:g} s"
    return (
        f"Median and quartiles of {slices}.\n\nWhat a curve does not change:\nbatch {same.batch}, "
        f"z of {same.latent} dimensions,\n{same.size} x {same.size} pixels, one thread,\none process."
    )


def _panel(axes: Axes, label: str, curve: dict[str, list[float]]) -> None:
    """Medians and quartiles over a logarithmic axis of the values."""
    values = [int(value) for value in curve]
    low, middle, high = np.array([spread(speeds) for speeds in curve.values()]).T
    axes.errorbar(values, middle, (middle - low, high - middle), color=BLUE, marker="o", ms=3.5, capsize=2)
    axes.set_xscale("log", base=2)
    axes.set_xticks(values, [f"{value}" for value in values], rotation=45 if len(values) > 5 else 0)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label)
    axes.set_ylim(0, 1.1 * high.max())
    axes.yaxis.set_major_formatter(lambda speed, _: f"{speed:,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a slice")
    parser.add_argument("--only", nargs="*", choices=list(CURVES), default=list(CURVES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("runs/scaling.json"))
    parser.add_argument("--draw", type=Path, help="the numbers of an earlier run, instead of measuring")
    parser.add_argument("--figure", type=Path, default=Path("docs/images/scaling.png"))
    chosen = parser.parse_args()
    if chosen.rounds < 2:
        parser.error(f"--rounds is {chosen.rounds}, but must be at least 2: quartiles are over rounds")
    if chosen.draw:
        found = json.loads(chosen.draw.read_text())
    else:
        found = measure(chosen)
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(found, indent=1))
    print(f"{found['machine']}, commit {found['commit']}, {found['rounds']} rounds of {found['seconds']:g} s a point\n")
    print(table(found))
    save_figure(draw(found), chosen.figure)


if __name__ == "__main__":
    main()
