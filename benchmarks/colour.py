"""Models of colour images side by side: bits per dimension of test images, errors of reconstructions, and one figure.

    python benchmarks/colour.py NAME=RUN ... [--images 10000] [--samples 1] [--figure FILE] [--out FILE]

Each RUN is a folder that `vaelab train` made, all of the same images; those that --limit left out are measured too.
Bits per dimension are those of the importance bound with k samples per image, which for k = 1 is one draw of the ELBO:
only for a likelihood that is a mass on the 256 values of a pixel. The error of a reconstruction, the mean of p(x | z)
at the posterior mean, is given for all as the peak signal-to-noise ratio, -10 log10 of the mean squared error of an
image in [0, 1]. 95 % intervals resample the images (the bootstrap); they do not cover other trainings.

The figure has the first test image of each class, what each model makes of it, and as many draws from each prior.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import vaelab as vl
from vaelab.data import Limited
from vaelab.figures.rows import first_of_each_class
from vaelab.measured import MeasuredModel
from vaelab.metrics.evidence import importance_bound_over
from vaelab.metrics.intervals import bootstrap_interval
from vaelab.plots import image_grid
from vaelab.plots.style import save_figure

_DRAWN = 10


def interval(values: np.ndarray) -> list[float]:
    """Mean, and the ends of its 95 % interval over images."""
    bounds = bootstrap_interval(values.astype(np.float64))
    return [float(values.mean()), bounds.low, bounds.high]


def errors(measured: MeasuredModel) -> np.ndarray:
    """The peak signal-to-noise ratio of each image and its reconstruction, dB."""
    x, decoded = measured.pixels.numpy(), measured.decode(measured.means)
    return -10 * np.log10(np.square(x - decoded).mean((1, 2, 3)))


def measure(run: vl.Run, test: vl.ImageData, chosen: argparse.Namespace) -> dict[str, Any]:
    """The numbers of a run."""
    model, protocol, began = run.model.eval(), run.experiment.binarisation, time.perf_counter()
    measured = MeasuredModel(model, test, protocol).subset(chosen.images)
    found: dict[str, Any] = {"PSNR": interval(errors(measured))}
    if model.likelihood.discrete(protocol.binary(test)) and not model.spec.no_bound:
        bound = importance_bound_over(model, measured.data, protocol, chosen.samples)
        per_bit = math.prod(test.format.shape) * math.log(2)
        found["bits"] = interval(-bound.log_p.numpy() / per_bit)
        found["bits, ELBO"] = interval(-bound.elbo.numpy() / per_bit)
    return found | {
        "images": measured.n_images,
        "samples": chosen.samples,
        "weights": sum(parameter.numel() for parameter in model.parameters()),
        "epochs": run.rows[-1]["epoch"],
        "training seconds": sum(row["seconds"] for row in run.rows),
        "measuring seconds": time.perf_counter() - began,
    }


def line(name: str, found: dict[str, Any]) -> str:
    """A row of the table."""

    def cell(key: str, digits: int) -> str:
        if key not in found:
            return "-"
        mean, low, high = found[key]
        return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"

    cells = (f"{found['weights']:,}", f"{found['epochs']:.0f}", f"{found['training seconds'] / 60:.0f}")
    return f"| {name} | {' | '.join(cells)} | {cell('bits', 3)} | {cell('PSNR', 2)} |"


def picture(runs: dict[str, vl.Run], test: vl.ImageData) -> np.ndarray:
    """Rows of images, their reconstructions by each model, and draws from each prior, (R, K, C, H, W)."""
    first = MeasuredModel(next(iter(runs.values())).model, test)
    rows = np.array(first_of_each_class(first)[:_DRAWN])
    shown, drawn = [first.pixels[rows].numpy()], []
    for run in runs.values():
        measured = MeasuredModel(run.model.eval(), test, run.experiment.binarisation)
        z = run.model.encode(measured.pixels[rows]).mean
        shown.append(measured.decode(z))
        torch.manual_seed(0)
        drawn.append(run.model.generate(len(rows)).numpy(force=True))
    return np.stack([*shown, *drawn]).clip(0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=1, help="importance samples per image")
    parser.add_argument("--figure", type=Path, default=Path("docs/images/colour.png"))
    parser.add_argument("--out", type=Path, default=Path("runs/colour.json"))
    chosen = parser.parse_args()
    runs = {name: vl.open_run(folder) for name, _, folder in (each.partition("=") for each in chosen.runs)}
    source = next(iter(runs.values())).experiment.data
    # A run that was trained on some of the images is measured on all.
    test = vl.open_data(source.source if isinstance(source, Limited) else source).split("test")
    images = picture(runs, test)
    names = ["image", *runs, *(f"drawn: {name}" for name in runs)]
    save_figure(image_grid(images, names, gaps=((1, 1 + len(runs)), ())), chosen.figure)

    found = {name: measure(run, test, chosen) for name, run in runs.items()}
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(found, indent=1))
    k = f"k = {chosen.samples}"
    print(f"| | weights | epochs | training minutes | bits per dimension, {k} | PSNR of reconstructions, dB |")
    print("|" + " --- |" * 6)
    for name, numbers in found.items():
        print(line(name, numbers))


if __name__ == "__main__":
    main()
