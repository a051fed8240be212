"""The study this project starts from: a VAE and a CVAE on MNIST, 2-D latent space, one table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from vaelab.codec import encode
from vaelab.data import ImageData, SourceSpec
from vaelab.errors import UserError
from vaelab.figures import DrawnFigure, chosen
from vaelab.figures.shown import subject_of
from vaelab.files import write_atomically
from vaelab.plots import save_figure
from vaelab.report import Table, write_run_report
from vaelab.report.published import PAPER
from vaelab.studies.recipes import Recipe, planned_run, study_experiment
from vaelab.studies.runs import train_all
from vaelab.training import Run, Totals, full_pass
from vaelab.training.device import choose_device
from vaelab.training.run import RunFolder

MODELS = ("vae", "cvae")
QUANTITIES = ("reconstruction", "kl", "total")

# The figures of the study's report; `vaelab figures` draws all that a model has.
_SHOWN = (
    "training-curves",
    "reconstructions",
    "latent-scatter",
    "aggregate-posterior",
    "latent-plane",
    "interpolations",
    "shared-style",
)


def run_paper_study(
    out: Path,
    source: SourceSpec,
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
        source: where the images come from, for the record.
        data: the images, with labels.
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
    names = {(model, seed): f"{model}-seed{seed}" for seed in range(seeds) for model in MODELS}
    planned = {
        names[model, seed]: planned_run(
            study_experiment(model, recipe, len(data.split("train")), epochs), source, seed, device
        )
        for model, seed in names
    }
    titles = {
        name: f"{model.upper()} seed {seed}" if seeds > 1 else model.upper() for (model, seed), name in names.items()
    }
    trained = train_all(out, planned, data, titles, show)

    runs: dict[str, list[Run]] = {model: [] for model in MODELS}
    measured: dict[str, dict[str, list[Totals]]] = {model: {"train": [], "test": []} for model in MODELS}
    for (model, _), name in names.items():
        # Measured in full precision, whatever the training computed in.
        on_device = trained[name].model.to(choose_device(device))
        for split in ("train", "test"):
            measured[model][split].append(full_pass(on_device, data.split(split)))
        runs[model].append(replace(trained[name], model=on_device.cpu()))

    results: dict[str, Any] = {model: _summary(measured[model]) for model in MODELS}
    results["improvement"] = _improvement(measured, "train") | {"test": _improvement(measured, "test")}
    results["paper"] = PAPER
    folders = [RunFolder(run.folder) for model in MODELS for run in runs[model]]
    results["about"] = {
        "data": data.name,
        "notice": notice,
        "set": "the numbers beside each model are over the training set, those under `test` over the test set",
        "protocol": "a full pass with the final weights, one draw of z an image, nats per image; "
        "spread is the sample standard deviation over seeds",
        "reconstruction_is": runs["vae"][0].record.reconstruction_is,
        "recipe": recipe.value,
        "epochs": runs["vae"][0].experiment.training.epochs,
        "seeds": list(range(seeds)),
        "command": command,
        "machine": folders[0].events()[0]["machine"],
        "training_seconds": round(sum(folder.seconds() for folder in folders), 1),
    }
    results["table"] = encode(_table(results))
    write_atomically(out / "results.json", json.dumps(results, indent=2) + "\n")
    write_run_report([out], out / "report.html", draw=lambda run: _figures(run, data, out))
    return results


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
    return ["nats per image", "reconstruction", "KL", "total"]


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


def _table(results: dict[str, Any]) -> Table:
    """The table as a report shows it, with what must be known to read it."""
    about = results["about"]
    notes = [f"Measured: {about['protocol']}. KL before beta. The reconstruction is a {about['reconstruction_is']}."]
    if about["reconstruction_is"] == "cross-entropy":
        notes.append("A cross-entropy on grey pixels is not a log-likelihood.")
    if _comparable(results):
        notes.append("The study's own rows are running averages over the last epoch's training images.")
    caption = f"VAE and CVAE on {about['data']}, final weights"
    return Table(caption, tuple(table_columns(results)), tuple(map(tuple, table_rows(results))), " ".join(notes))


def _figures(run: Run, data: ImageData, out: Path) -> list[DrawnFigure]:
    """The figures of the report, each also a file of its own."""
    subject = subject_of(run, data)
    images = [entry.draw(subject) for entry in chosen(subject) if entry.name in _SHOWN]
    model = "cvae" if run.model.spec.conditional else "vae"
    for image in images:
        save_figure(image.figure, out / "figures" / f"{image.name}-{model}.png")
    return images
