"""Rate, distortion and disentanglement of beta-VAEs, as functions of beta."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaelab._version import __version__
from vaelab.codec import encode
from vaelab.data import ImageData, ImageFormat, SourceSpec, Sprites
from vaelab.errors import UserError
from vaelab.evaluation import PARTS
from vaelab.evaluation.evaluate import evaluate_subject
from vaelab.evaluation.measured import Budget, Subject
from vaelab.evaluation.results import Evaluation, read_evaluation
from vaelab.experiment import Adam, Experiment, Training
from vaelab.files import write_atomically
from vaelab.metrics.checks import at_least
from vaelab.metrics.disentanglement import beta_vae_score, factors_of
from vaelab.models import VAE
from vaelab.models.files import weights_digest
from vaelab.networks import Conv
from vaelab.objectives import Elbo
from vaelab.plots import rate_distortion, save_figure, seed_curves
from vaelab.plots.style import styled
from vaelab.report import Table
from vaelab.schedules import Constant, Cosine
from vaelab.studies.runs import train_all
from vaelab.training import Run
from vaelab.training.device import choose_device
from vaelab.training.run import RunFolder

SOURCE = Sprites(image_size=32)
"""The images of the sweep where none are named: their factors are known, and a run takes minutes."""
BETAS = (1.0, 2.0, 4.0, 8.0, 16.0)
MEASURED = ("elbo", "disentanglement")
"""The parts of the evaluation that each run is measured by."""

# No part of the evaluation takes more images of a split.
_EFFORT = Budget(images=10_000)
_EPOCHS = 10

PROTOCOL = (
    "test split, final weights, fp32, one draw of z an image, nats per image, KL before beta; disentanglement of "
    "posterior means; the spread is the sample standard deviation over seeds"
)

Sweep = Mapping[tuple[float, int], Evaluation]


def run_beta_sweep(
    out: Path,
    source: SourceSpec,
    data: ImageData,
    betas: Sequence[float] = BETAS,
    seeds: int = 2,
    epochs: int | None = None,
    latent: int = 10,
    budget: Budget = _EFFORT,
    device: str = "auto",
    command: str = "",
    show: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Train a beta-VAE for each beta and seed, and measure rate, distortion and disentanglement.

    Each minimises D + beta R, the distortion and the rate of the ELBO (Higgins et al. 2017, equation 4; Alemi et al.
    2018). A study that was stopped goes on where it was: trained models stay, and so does what was measured of
    the same weights. Writes results.json, two figures, and evaluation.json into each run's folder.

    Args:
        out: the folder for all of it, a run folder a beta and seed within.
        source: where the images come from, for the record.
        data: the images, with their factors.
        betas: weights of the rate.
        seeds: how many, counted from 0.
        epochs: instead of 10.
        latent: dimensions of z.
        budget: images that are measured, 10,000 at most, and the seed of every draw.
        device: where to compute.
        command: the command line, for the record.
        show: show progress of training on standard error.
        say: is told what is being measured.

    Returns:
        What results.json holds: `runs`, with the numbers of each, the `slopes` of distortion over rate, and `table`.

    Raises:
        UserError: as `train`; no beta, one that is negative, not finite or there twice; seeds < 1; or data whose
            factors are not known, or cannot be told apart by the images of its test split.
    """
    betas = _checked(betas)
    at_least("seeds", seeds, 1)
    _, factors, _ = factors_of(data.split("test"))
    # The factors as their own codes: what cannot be measured is refused before anything is trained.
    beta_vae_score(factors, factors)
    names = {(beta, seed): f"beta-{beta:g}-seed{seed}" for seed in range(seeds) for beta in betas}
    planned = {
        name: sweep_experiment(source, data.format, beta, seed, epochs, latent, device)
        for (beta, seed), name in names.items()
    }
    titles = {
        name: f"{place}/{len(names)} beta {beta:g} seed {seed}"
        for place, ((beta, seed), name) in enumerate(names.items(), start=1)
    }
    trained = train_all(out, planned, data, titles, show)
    sweep = {key: _measured(trained[name], data, budget, device, command, say) for key, name in names.items()}

    reconstruction_is = next(iter(trained.values())).record.reconstruction_is
    for figure, drawn in {
        "rate-distortion": rate_distortion(
            betas, _grid(sweep, "elbo", "rate"), _grid(sweep, "elbo", "distortion"), reconstruction_is, data.name
        ),
        "scores-by-beta": _scores_by_beta(sweep, betas, data.name),
    }.items():
        for kind in ("svg", "png"):
            save_figure(drawn, out / "figures" / f"{figure}.{kind}")

    first, folders = next(iter(sweep.values())), [RunFolder(run.folder) for run in trained.values()]
    sections = [float(found.section(part).about["seconds"]) for found in sweep.values() for part in MEASURED]
    results: dict[str, Any] = {
        "about": {
            "data": data.name,
            "data_sha256": data.digest,
            "protocol": PROTOCOL,
            "reconstruction_is": reconstruction_is,
            "betas": betas,
            "seeds": list(range(seeds)),
            "images": first.section("elbo").about["images"],
            "epochs": next(iter(planned.values())).training.epochs,
            "command": command,
            "machine": folders[0].events()[0]["machine"],
            "training_seconds": round(sum(folder.seconds() for folder in folders), 1),
            "measuring_seconds": round(sum(sections), 1),
            "vaelab": __version__,
            "torch": torch.__version__,
        },
        "runs": {name: _recorded(*key, sweep[key]) for key, name in names.items()},
        "slopes": slopes(sweep, betas),
    }
    results["table"] = encode(_table(results))
    write_atomically(out / "results.json", json.dumps(results, indent=2) + "\n")
    return results


def sweep_experiment(
    source: SourceSpec, format: ImageFormat, beta: float, seed: int, epochs: int | None, latent: int, device: str
) -> Experiment:
    """What is trained for a beta and a seed: images are halved until about four pixels remain.

    >>> sweep_experiment(SOURCE, ImageFormat(1, 32, 32), 4.0, 0, None, 10, "auto").model
    VAE(latent=10, conditional=False, network=Conv(channels=(32, 64, 64)), posterior=Gaussian(), \
prior=StandardNormal(), likelihood=Bernoulli())
    """
    halvings = max(1, round(math.log2(min(format.height, format.width) / 4)))
    channels = (*(32,) * (halvings - 2), 64, 64)[-halvings:]
    return Experiment(
        data=source,
        model=VAE(latent=latent, network=Conv(channels=channels)),
        objective=Elbo(beta=Constant(beta)),
        training=Training(
            epochs=_EPOCHS if epochs is None else epochs,
            batch_size=64,
            seed=seed,
            optimiser=Adam(learning_rate=2e-3, schedule=Cosine(start=1.0, stop=0.0, warmup=0.05)),
            device=device,
        ),
    )


def _checked(betas: Sequence[float]) -> list[float]:
    """The betas in ascending order; their folders are named by them."""
    shown = [f"{beta:g}" for beta in betas]
    if not shown:
        raise UserError("betas is empty; give at least one, such as 1")
    for beta in betas:
        if not (beta >= 0 and math.isfinite(beta)):
            raise UserError(f"betas has {beta:g}, but each must be finite and >= 0; leave it out")
    twice = [text for text in shown if shown.count(text) > 1]
    if twice:
        raise UserError(f"betas has {twice[0]} more than once, but each must be another; leave the others out")
    return sorted(map(float, betas))


def _measured(
    run: Run, data: ImageData, budget: Budget, device: str, command: str, say: Callable[[str], None]
) -> Evaluation:
    """The evaluation of a run, as it was measured before on the same weights, or now."""
    path, name = run.folder / "evaluation.json", run.folder.name
    model = run.model.to(choose_device(device))
    subject = Subject(model, data, run.experiment.binarisation, budget, name, lambda line: say(f"{name}: {line}"))
    earlier = read_evaluation(path) if path.exists() else None
    alike = {"images": len(subject.test), "seed": budget.seed}
    if earlier is not None and earlier.weights_sha256 == weights_digest(model):
        about = [section.about for section in earlier.sections if section.part in MEASURED]
        if len(about) == len(MEASURED) and all(alike.items() <= values.items() for values in about):
            return earlier
    found = evaluate_subject(subject, MEASURED, command)
    together = found if earlier is None else found.merge(earlier, [part.name for part in PARTS])
    together.write(path)
    return together


def _recorded(beta: float, seed: int, found: Evaluation) -> dict[str, Any]:
    """What results.json says of a run."""
    numbers = {part: [encode(number) for number in found.section(part).numbers] for part in MEASURED}
    return {"beta": beta, "seed": seed, "weights_sha256": found.weights_sha256, **numbers}


def _grid(sweep: Sweep, part: str, name: str) -> NDArray[np.float64]:
    """A number of each seed and beta, (S, B)."""
    betas, seeds = (sorted(set(column)) for column in zip(*sweep, strict=True))
    return np.array([[sweep[beta, int(seed)].section(part).value(name) for beta in betas] for seed in seeds])


def slopes(sweep: Sweep, betas: Sequence[float]) -> list[dict[str, float | None]]:
    """-dD / dR between means of neighbouring betas; where both are optima of D + beta R, it lies between the two.

    For each is no worse than the other by its own measure: D1 + b1 R1 <= D2 + b1 R2 and D2 + b2 R2 <= D1 + b2 R1.
    """
    rate, distortion = (_grid(sweep, "elbo", name).mean(0).tolist() for name in ("rate", "distortion"))
    points = zip(betas, rate, distortion, strict=True)
    return [
        {"from": b1, "to": b2, "slope": (d2 - d1) / (r1 - r2) if r1 > r2 else None}
        for (b1, r1, d1), (b2, r2, d2) in pairwise(points)
    ]


def table_columns(results: dict[str, Any]) -> list[str]:
    """The headings of `table_rows`."""
    return ["", *(f"beta = {beta:g}" for beta in results["about"]["betas"])]


def table_rows(results: dict[str, Any], part: str) -> list[list[str]]:
    """The numbers of a part of the evaluation as text, a column a beta: mean and spread over seeds."""
    rows = []
    for place, first in enumerate(next(iter(results["runs"].values()))[part]):
        digits = 2 if first["unit"] else 1 if first["name"] == "active units" else 3
        cells = []
        for beta in results["about"]["betas"]:
            values = [run[part][place]["value"] for run in results["runs"].values() if run["beta"] == beta]
            spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{mean(values):.{digits}f}{spread}")
        rows.append([first["name"], *cells])
    return rows


def _table(results: dict[str, Any]) -> Table:
    """All numbers in one table, as a report shows them, with what must be known to read it."""
    about, rows = results["about"], [row for part in MEASURED for row in table_rows(results, part)]
    images = about["images"]
    notes = [
        f"Measured: {about['protocol']}. The distortion is a {about['reconstruction_is']}.",
        f"The information is at most log N = {math.log(images):.2f}, N = {images} images: near it, it is too low "
        "and the total correlation too high.",
        _in_words(results["slopes"]),
    ]
    columns = tuple(table_columns(results))
    return Table(f"beta-VAEs on {about['data']}", columns, tuple(map(tuple, rows)), " ".join(filter(None, notes)))


def _in_words(slopes: Sequence[dict[str, Any]]) -> str:
    """How steep the curve is between neighbouring betas; empty where there is but one."""
    falling = [pair for pair in slopes if pair["slope"] is not None]
    found = [f"{pair['slope']:.2f} from beta {pair['from']:g} to {pair['to']:g}" for pair in falling]
    says = f"Nats of distortion for a nat of rate: {', '.join(found)}; between optima, each lies between its two betas."
    return says if found else ""


def _scores_by_beta(sweep: Sweep, betas: Sequence[float], title: str) -> Figure:
    """Every score of disentanglement over beta, on an axis of powers of two where no beta is 0."""
    names = [number.name for number in next(iter(sweep.values())).section("disentanglement").numbers]
    groups = {name: _grid(sweep, "disentanglement", name) for name in names}
    seeds = len(groups[names[0]])
    figure = seed_curves(betas, groups, "score", title + (f", {seeds} seeds and their mean" if seeds > 1 else ""))
    (axes,) = figure.axes
    with styled():
        if min(betas) > 0:
            axes.set_xscale("log", base=2)
        axes.set_xticks(betas, [f"{beta:g}" for beta in betas])
        axes.set(xlabel="beta", ylim=(min(0.0, axes.get_ylim()[0]), 1.02))
        handles, _ = axes.get_legend_handles_labels()
        # Ten curves leave no room for their names among them.
        axes.legend(handles, names, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=3)
        figure.set_size_inches(8, 4.5)
    return figure
