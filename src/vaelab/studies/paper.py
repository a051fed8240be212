"""The study this project starts from: a VAE and a CVAE on MNIST, 2-D latent space, one table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from vaelab.data import ImageData, Source
from vaelab.errors import UserError
from vaelab.experiment import Experiment, read_record
from vaelab.figures import image_grid, save_figure, to_svg, training_curves
from vaelab.files import write_atomically
from vaelab.report import Fact, FigureBlock, write_report
from vaelab.studies.recipes import Recipe, study_experiment
from vaelab.training import Run, Totals, full_pass, train
from vaelab.training.device import choose_device
from vaelab.training.run import RunFolder

MODELS = ("vae", "cvae")
QUANTITIES = ("reconstruction", "kl", "total")

# The study's table: MNIST, training set, running averages of the last epoch, nats an image.
PAPER: dict[str, dict[str, float]] = {
    "vae": {"reconstruction": 138.00, "kl": 6.59, "total": 144.59},
    "cvae": {"reconstruction": 124.36, "kl": 4.80, "total": 129.16},
    "improvement": {"reconstruction": 9.9, "kl": 27.2, "total": 10.7},
}


def run_paper_study(
    out: Path,
    source: Source,
    data: ImageData,
    recipe: Recipe = Recipe.paper,
    epochs: int | None = None,
    seeds: int = 1,
    device: str = "auto",
    notice: str | None = None,
    command: str = "",
    show: bool = False,
) -> dict[str, Any]:
    """Train VAE and CVAE for each seed, measure them, and write results.json, figures and report.html.

    A study that was stopped goes on where it was when it is run again with the same settings.

    Args:
        out: the folder for all of it, one run folder a model and seed within.
        source: where the pictures come from, for the record.
        data: the pictures, with labels.
        recipe: how to train.
        epochs: instead of the recipe's own number.
        seeds: how many, counted from 0.
        device: where to compute.
        notice: what must be said of the data wherever results stand.
        command: the command line, for the record.
        show: show progress on standard error.

    Returns:
        What results.json holds: the table over the training set by model, `test` beneath each, the
        improvement of CVAE over VAE in percent, and the study's own table.

    Raises:
        UserError: as `train`, or data without labels.
    """
    if seeds < 1:
        raise UserError(f"seeds is {seeds}, but must be >= 1")
    # Whatever is wrong with any of the runs is said before the first is trained.
    planned = {
        (model, seed): _plan(model, recipe, source, data, epochs, seed, device)
        for seed in range(seeds)
        for model in MODELS
    }
    for (model, seed), experiment in planned.items():
        experiment.model.check(data.format)
        folder = RunFolder(out / f"{model}-seed{seed}")
        if folder.record.exists():
            stored = read_record(folder.record)
            folder.settle(
                replace(stored, experiment=experiment, images=data.format, data_sha256=data.digest), True, False
            )

    runs: dict[str, list[Run]] = {model: [] for model in MODELS}
    measured: dict[str, dict[str, list[Totals]]] = {model: {"train": [], "test": []} for model in MODELS}
    for (model, seed), experiment in planned.items():
        title = f"{model.upper()} seed {seed}" if seeds > 1 else model.upper()
        run = train(experiment, out / f"{model}-seed{seed}", resume=True, data=data, show=show, title=title)
        # Measured in full precision, whatever the training computed in.
        on_device = run.model.to(choose_device(device))
        for split in ("train", "test"):
            measured[model][split].append(full_pass(on_device, data.split(split)))
        runs[model].append(replace(run, model=on_device.cpu()))

    results: dict[str, Any] = {model: _summary(measured[model]) for model in MODELS}
    results["improvement"] = _improvement(measured, "train") | {"test": _improvement(measured, "test")}
    results["paper"] = PAPER
    folders = [RunFolder(run.folder) for model in MODELS for run in runs[model]]
    results["about"] = {
        "data": data.name,
        "notice": notice,
        "set": "the numbers beside each model are over the training set, those under `test` over the test set",
        "protocol": "a full pass with the final weights, one draw of z an image, nats an image; "
        "spread is the sample standard deviation over seeds",
        "reconstruction_is": runs["vae"][0].record.reconstruction_is,
        "recipe": recipe.value,
        "epochs": runs["vae"][0].experiment.training.epochs,
        "seeds": list(range(seeds)),
        "command": command,
        "machine": folders[0].events()[0]["machine"],
        "training_seconds": round(sum(folder.seconds() for folder in folders), 1),
    }
    write_atomically(out / "results.json", json.dumps(results, indent=2) + "\n")
    _illustrate(out, runs, results)
    return results


def _plan(
    model: str, recipe: Recipe, source: Source, data: ImageData, epochs: int | None, seed: int, device: str
) -> Experiment:
    """The experiment of one model and seed."""
    experiment = study_experiment(model, recipe, len(data.split("train")), epochs)
    settings = replace(experiment.training, seed=seed, device=device)
    return replace(experiment, data=source, training=settings)


def table_rows(results: dict[str, Any]) -> list[list[str]]:
    """The table, measured beside the study's own: a heading and its rows, as text."""
    comparable = _comparable(results)

    def cells(values: dict[str, Any], unit: str = "") -> list[str]:
        spread = values.get("spread")
        return [
            f"{values[name]:.{1 if unit else 2}f}{unit}" + (f" ± {spread[name]:.{1 if unit else 2}f}" if spread else "")
            for name in QUANTITIES
        ]

    rows = []
    for model in MODELS:
        rows.append([f"{model.upper()}, train", *cells(results[model])])
        if comparable:
            rows.append([f"{model.upper()}, the study", *cells(results["paper"][model])])
    rows.append(["improvement, train", *cells(results["improvement"], " %")])
    if comparable:
        rows.append(["improvement, the study", *cells(results["paper"]["improvement"], " %")])
    rows += [[f"{model.upper()}, test", *cells(results[model]["test"])] for model in MODELS]
    rows.append(["improvement, test", *cells(results["improvement"]["test"], " %")])
    return rows


def _comparable(results: dict[str, Any]) -> bool:
    """Whether the study's own numbers may stand beside these: only where the data are its own."""
    return bool(results["about"]["data"] == "mnist")


def table_columns(results: dict[str, Any]) -> list[str]:
    """The headings of `table_rows`."""
    return ["nats an image", "reconstruction", "KL", "total"]


def _summary(measured: dict[str, list[Totals]]) -> dict[str, Any]:
    """Mean and spread over seeds, of the training set and beneath it of the test set."""

    def of(split: str) -> dict[str, Any]:
        values = {name: [getattr(totals, name) for totals in measured[split]] for name in QUANTITIES}
        summary: dict[str, Any] = {name: mean(numbers) for name, numbers in values.items()}
        several = len(measured[split]) > 1
        summary["spread"] = {name: stdev(numbers) for name, numbers in values.items()} if several else None
        summary["by_seed"] = values
        return summary

    return of("train") | {"test": of("test")}


def _improvement(measured: dict[str, dict[str, list[Totals]]], split: str) -> dict[str, Any]:
    """How much lower the CVAE is than the VAE, in percent: of the means, and its spread over pairs of one seed."""

    def percent(vae: float, cvae: float) -> float:
        return 100 * (1 - cvae / vae)

    improvement: dict[str, Any] = {}
    spread = {}
    for name in QUANTITIES:
        vae, cvae = ([getattr(totals, name) for totals in measured[model][split]] for model in MODELS)
        improvement[name] = percent(mean(vae), mean(cvae))
        if len(vae) > 1:
            spread[name] = stdev(map(percent, vae, cvae))
    improvement["spread"] = spread or None
    return improvement


def _illustrate(out: Path, runs: dict[str, list[Run]], results: dict[str, Any]) -> None:
    """Draw the figures of the first seed and write the report."""
    about, blocks = results["about"], []
    for model in MODELS:
        run = runs[model][0]
        column = {name: [row[name] for row in run.rows] for name in run.rows[0]}
        figure = training_curves(
            column["epoch"],
            column["train_running_reconstruction"],
            column["train_running_kl"],
            column["beta"],
            column["test_reconstruction"],
            column["test_kl"],
            reconstruction_is=run.record.reconstruction_is,
            title=f"{model.upper()} on {about['data']}",
        )
        save_figure(figure, out / "figures" / f"training-curves-{model}.png")
        shaded = " The warm-up of beta is shaded." if min(column["beta"]) < column["beta"][-1] else ""
        blocks.append(
            FigureBlock(
                to_svg(figure),
                f"{model.upper()}: reconstruction, KL before beta, their ratio and beta over epochs, nats an image. "
                "Solid: running averages over the training images while the weights still change, which is what the "
                f"study's table shows; dashed: a full pass over the test images.{shaded}",
            )
        )
    for name, figure, caption in _pictures(runs):
        save_figure(figure, out / "figures" / f"{name}.png")
        blocks.append(FigureBlock(to_svg(figure), caption))

    vae, cvae = results["vae"], results["cvae"]
    seeds = "one seed" if len(about["seeds"]) == 1 else f"{len(about['seeds'])} seeds"
    notes = [f"Measured: {about['protocol']}. KL before beta. The reconstruction is a {about['reconstruction_is']}."]
    if about["reconstruction_is"] == "cross-entropy":
        notes.append("A cross-entropy on grey pixels is not a log-likelihood.")
    if _comparable(results):
        notes.append("The study's own rows are running averages over the last epoch's training images.")
    write_report(
        out / "report.html",
        title=f"VAE and CVAE on {about['data']}",
        summary=f"Two-dimensional latent space, {about['epochs']} epochs by the {about['recipe']} recipe, "
        f"{seeds}. On the training set the VAE reaches a total of {vae['total']:.2f} nats "
        f"an image and the CVAE {cvae['total']:.2f}, {results['improvement']['total']:.1f} % lower.",
        notice=about["notice"],
        table={
            "columns": table_columns(results),
            "rows": table_rows(results),
            "note": " ".join(notes),
        },
        facts=[
            Fact("command", about["command"]),
            Fact("data", about["data"]),
            Fact("machine", about["machine"]),
            Fact("training", f"{about['training_seconds']:.0f} s in all, with the test passes after each epoch"),
            Fact("seeds", ", ".join(map(str, about["seeds"]))),
            Fact("rerun", f"{about['command']} in an empty folder; on the same processor it gives the same weights"),
        ],
        figures=blocks,
    )


@torch.no_grad()
def _pictures(runs: dict[str, list[Run]]) -> list[tuple[str, Any, str]]:
    """What the models draw: the VAE's latent plane, and the CVAE's classes."""
    pictures = []
    vae, cvae = runs["vae"][0].model, runs["cvae"][0].model
    if vae.spec.latent == 2:
        ticks = np.linspace(-3, 3, 15)
        z1, z2 = np.meshgrid(ticks, ticks[::-1])
        codes = torch.tensor(np.stack([z1, z2], -1).reshape(-1, 2), dtype=torch.float32)
        plane = vae.decode(codes).mean.unflatten(0, (15, 15)).numpy()
        labels = [f"{tick:.0f}" if float(tick).is_integer() else "" for tick in np.round(ticks, 6)]
        figure = image_grid(plane, labels[::-1], labels, "z2", "z1", "VAE: decoded points of the latent plane")
        caption = (
            "VAE: the decoder's mean picture at each point of a grid over [-3, 3]². Look for neighbours among classes."
        )
        pictures.append(("latent-plane-vae", figure, caption))
    classes = cvae.images.classes
    # The same ten codes for every class: whatever they carry besides the class shows down the columns.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        codes = torch.randn(10, cvae.spec.latent).repeat(len(classes), 1)
    labels_of = torch.arange(len(classes)).repeat_interleave(10)
    drawn = cvae.generate(len(codes), labels_of, given=codes).unflatten(0, (len(classes), 10)).numpy()
    figure = image_grid(
        drawn, classes, [], "class", "the same ten draws of z for every class", "CVAE: ten pictures a class"
    )
    caption = (
        "CVAE: each row a class, each column one draw of z from the prior. Look for style that is shared down a column."
    )
    pictures.append(("samples-by-class-cvae", figure, caption))
    return pictures
