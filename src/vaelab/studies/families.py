"""Every family on one contract: each preset for MNIST trained and measured, one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from vaelab.data import ImageData, Mnist, SourceSpec
from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.files import read_json, write_atomically
from vaelab.metrics import importance_bound_over
from vaelab.models import VAE
from vaelab.models.files import load
from vaelab.objectives import Elbo
from vaelab.plots import image_grid, save_figure
from vaelab.presets import PRESETS
from vaelab.priors import AutoregressiveCodes, Flow, PriorSpec, StandardNormal
from vaelab.spec import Trait
from vaelab.training import Run, full_pass, train
from vaelab.training.device import choose_device
from vaelab.training.full_pass import bits_per_dimension
from vaelab.training.run import RunFolder

# Enough for a prior alone, whose model is trained already.
_PRIOR_EPOCHS = 5
# Importance samples of the first bound; the second has as many as are asked for.
_FEW = 50
_MEASURED = "measured.json"

PROTOCOL = (
    "test set, a full pass with the final weights, one draw of z an image, fp32, nats per image; log p is the "
    "importance bound, its pixels drawn once an image"
)


@dataclass(frozen=True)
class Member:
    """One row of the table.

    Args:
        name: of the row and of its run folder.
        preset: what it is made from.
        prior: in place of the preset's own.
        after: the row whose trained model gets this prior, and stays as it is otherwise.
    """

    name: str
    preset: str
    prior: PriorSpec | None = None
    after: str | None = None


# Presets for MNIST; `mlp-vae` is what `vamp` and `flow-vae` are to be compared with.
MEMBERS = (
    *(Member(name, name) for name, (_, experiment) in PRESETS.items() if isinstance(experiment.data, Mnist)),
    Member("mlp-vae", "vamp", StandardNormal()),
    Member("mlp-vae-flow-after", "vamp", Flow(), after="mlp-vae"),
    Member("vq-vae-prior-after", "vq-vae", AutoregressiveCodes(), after="vq-vae"),
    Member("fsq-vae-prior-after", "fsq-vae", AutoregressiveCodes(), after="fsq-vae"),
)


def run_families_study(
    out: Path,
    source: SourceSpec,
    data: ImageData,
    only: Sequence[str] = (),
    epochs: int | None = None,
    samples: int = 500,
    device: str = "auto",
    command: str = "",
    show: bool = False,
) -> dict[str, Any]:
    """Train each preset that is meant for MNIST, measure it on the test set, write results.json and samples.png.

    A study that was stopped goes on where it was; what is measured of a row is written as soon as it is known, and
    results.json has every row that is. A row that is measured stays as it is: to make it anew, remove its folder.

    Args:
        out: the folder for all of it, a run folder a row within.
        source: where the images come from, for the record.
        data: the images, with labels.
        only: rows to make, instead of all.
        epochs: instead of each preset's own number.
        samples: importance samples an image, for models with one latent of real numbers and a likelihood that is a
            density of their pixels.
        device: where to compute.
        command: the command line, for the record.
        show: show progress on standard error.

    Returns:
        What results.json holds: the protocol, and a dictionary a row.

    Raises:
        UserError: as `train`, or there is no row of a name.
    """
    names = [member.name for member in MEMBERS]
    for name in only:
        if name not in names:
            raise UserError(f"only has {name!r}, but the rows are: {', '.join(names)}")
    chosen = [member for member in MEMBERS if not only or member.name in only]
    for member in chosen:
        if member.after is not None and member.after not in only and only and not _finished(out / member.after):
            raise UserError(f"only has {member.name!r}, which is made from {member.after!r}; name that as well")
    for member in chosen:
        if not (out / member.name / _MEASURED).exists():
            experiment = _experiment(member, source, epochs, device, out)
            run = train(experiment, out / member.name, resume=True, data=data, show=show, title=member.name)
            row = _measured(run, data.split("test"), samples, device) | {"command": command}
            write_atomically(run.folder / _MEASURED, json.dumps(row, indent=2) + "\n")
        results = _collected(out, data)
        write_atomically(out / "results.json", json.dumps(results, indent=2) + "\n")
    save_figure(_samples(out, list(results["rows"])), out / "samples.png")
    return results


def _finished(folder: Path) -> bool:
    """Whether a row's training has come to its end."""
    return any(event["event"] == "finished" for event in RunFolder(folder).events())


def _collected(out: Path, data: ImageData) -> dict[str, Any]:
    """Every row that is measured, whichever command made it."""
    files = {member.name: out / member.name / _MEASURED for member in MEMBERS}
    rows = {name: read_json(file) for name, file in files.items() if file.exists()}
    return {"data": data.name, "protocol": PROTOCOL, "rows": rows}


def _samples(out: Path, names: Sequence[str]) -> Figure:
    """Ten images that each model draws from its prior, a row a model."""
    drawn = []
    for name in names:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            drawn.append(load(out / name).generate(10).numpy())
    return image_grid(np.stack(drawn), names, column_axis="ten draws of each prior, mean images")


def _experiment(member: Member, source: SourceSpec, epochs: int | None, device: str, out: Path) -> Experiment:
    """What is trained for a row."""
    experiment = replace(PRESETS[member.preset][1], data=source)
    settings = replace(experiment.training, device=device)
    if member.prior is not None:
        assert isinstance(experiment.model, VAE)
        experiment = replace(experiment, model=replace(experiment.model, prior=member.prior))
    if member.after is not None:
        settings = replace(settings, fit="prior", epochs=_PRIOR_EPOCHS)
        experiment = replace(experiment, objective=Elbo(), start=str(out / member.after))
    if epochs is not None:
        settings = replace(settings, epochs=epochs)
    return replace(experiment, training=settings)


def _measured(run: Run, test: ImageData, samples: int, device: str) -> dict[str, Any]:
    """A row: what a full pass over the test set gives, the importance bound where there is one, and how it was made."""
    experiment, model = run.experiment, run.model.to(choose_device(device))
    totals = full_pass(model, test, experiment.binarisation)
    values = {
        "reconstruction": totals.reconstruction,
        "kl": totals.kl,
        "total": totals.total,
        "reconstruction_is": run.record.reconstruction_is,
        "seed": experiment.training.seed,
        "machine": RunFolder(run.folder).events()[0]["machine"],
        "epochs": experiment.training.epochs,
        "training_seconds": round(sum(row["seconds"] for row in run.rows), 1),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    binary = experiment.binarisation.binary(test)
    if model.likelihood.discrete(binary):
        values["bits_per_dimension"] = bits_per_dimension(totals.total, test.format)
    if totals.code_use is not None:
        values |= {
            "perplexity": totals.code_use.perplexity,
            "dead": totals.code_use.dead,
            "codes": totals.code_use.size,
        }
    density = binary or not model.likelihood.binary
    if density and {Trait.one_latent, Trait.real_codes} <= experiment.model.traits:
        bounds = [importance_bound_over(model, test, experiment.binarisation, k) for k in (_FEW, samples)]
        values |= {"samples": samples, "log_p": bounds[1].mean, "log_p_standard_error": bounds[1].standard_error}
        values |= {f"log_p_{_FEW}": bounds[0].mean}
    return values


COLUMNS = ("", "reconstruction", "KL", "total", "IWAE-50", "log p(x) >=", "bits/dim", "perplexity", "epochs", "seconds")


def table(results: dict[str, Any]) -> list[list[str]]:
    """The rows as text, under `COLUMNS`; a dash where a number makes no sense."""

    def cell(values: dict[str, Any], name: str, form: str) -> str:
        return format(values[name], form) if values.get(name) is not None else "-"

    rows = []
    for name, values in results["rows"].items():
        grey = "" if values["reconstruction_is"] == "negative log-likelihood" else " (cross-entropy)"
        use = f"{values['perplexity']:.0f} of {values['codes']}" if "perplexity" in values else "-"
        rows.append(
            [
                name + grey,
                *(cell(values, part, ".2f") for part in ("reconstruction", "kl", "total", f"log_p_{_FEW}", "log_p")),
                cell(values, "bits_per_dimension", ".3f"),
                use,
                cell(values, "epochs", "d"),
                cell(values, "training_seconds", ".0f"),
            ]
        )
    return rows
