"""The comparison of all families: each preset for MNIST, trained and measured alike, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from vaelab.data import Mnist
from vaelab.errors import UserError, did_you_mean
from vaelab.experiment import Experiment
from vaelab.figures import DrawnFigure
from vaelab.files import read_json
from vaelab.metrics.evidence import importance_bound_over
from vaelab.objectives import Elbo
from vaelab.plots import image_grid, save_figure
from vaelab.presets import PRESETS
from vaelab.priors import AutoregressiveCodes, Flow, PriorSpec, StandardNormal
from vaelab.report import Table
from vaelab.studies.measured import Measured
from vaelab.studies.runs import StudyRuns
from vaelab.studies.settings import StudySettings
from vaelab.studies.study import Study
from vaelab.training import Run, full_pass
from vaelab.training.device import choose_device
from vaelab.training.folder import RunFolder
from vaelab.training.full_pass import bits_per_dimension
from vaelab.traits import Trait

# Enough for a prior alone, whose model is trained already.
_PRIOR_EPOCHS = 5
# Importance samples of the first bound; the second has the number that the study is given.
_FEW = 50

COLUMNS = ("", "reconstruction", "KL", "total", "IWAE-50", "log p(x) >=", "bits/dim", "perplexity", "epochs", "seconds")


@dataclass(frozen=True)
class Member:
    """One row of the table.

    Args:
        name: the name of the row and of its run folder.
        experiment: the experiment; its data is replaced.
        after: the row whose trained model is given this experiment's prior, which alone is then trained.
    """

    name: str
    experiment: Experiment
    after: str | None = None


def with_prior(preset: str, prior: PriorSpec) -> Experiment:
    """The experiment of a preset with another prior."""
    experiment = PRESETS[preset][1]
    model: Any = experiment.model
    return replace(experiment, model=replace(model, prior=prior))


# `mlp-vae` is the baseline of `vamp` and `flow-vae`.
MEMBERS = (
    *(Member(name, experiment) for name, (_, experiment) in PRESETS.items() if isinstance(experiment.data, Mnist)),
    Member("mlp-vae", with_prior("vamp", StandardNormal())),
    Member("mlp-vae-flow-after", with_prior("vamp", Flow()), after="mlp-vae"),
    Member("vq-vae-prior-after", with_prior("vq-vae", AutoregressiveCodes()), after="vq-vae"),
    Member("fsq-vae-prior-after", with_prior("fsq-vae", AutoregressiveCodes()), after="fsq-vae"),
)


@dataclass(frozen=True)
class FamiliesStudy(Study):
    """Train each preset that is meant for MNIST and measure it on the test set.

    The results hold every row that is measured, regardless of which command measured it. A row that is measured is not
    changed: to measure it anew, remove its folder.

    Args:
        only: the names of the rows to make, instead of all.
        samples: importance samples per image, for models with one latent of real numbers and a likelihood that is a
            density of their pixels.
        members: the rows; add a `Member` to compare a model of your own.
    """

    only: tuple[str, ...] = ()
    samples: int = 500
    members: tuple[Member, ...] = MEMBERS
    protocol: ClassVar[str] = (
        "test set, a full pass with the final weights, one draw of z per image, fp32, nats per image; log p is the "
        "importance bound, its pixels drawn once per image"
    )
    partial: ClassVar[bool] = True

    def check(self, settings: StudySettings) -> None:
        """Refuse names of rows that do not exist, or whose model is not trained.

        Raises:
            UserError: naming the row.
        """
        names = [member.name for member in self.members]
        for name in self.only:
            if name not in names:
                hint = did_you_mean(name, names)
                raise UserError(f"only has {name!r}, but the rows are: {', '.join(names)}{hint}")
        for member in self._chosen:
            start = member.after
            if self.only and start is not None and start not in self.only and not _finished(settings.out / start):
                raise UserError(f"only has {member.name!r}, which is made from {start!r}; name that as well")

    @property
    def _chosen(self) -> list[Member]:
        return [member for member in self.members if not self.only or member.name in self.only]

    def plan(self, settings: StudySettings) -> Mapping[str, Experiment]:
        """The rows that are not measured yet."""
        missing = [member for member in self._chosen if not _file(settings.out, member).exists()]
        return {member.name: _experiment(member, settings.out) for member in missing}

    def measure(self, case: Run, settings: StudySettings) -> dict[str, Any]:
        """The totals of the test set, the importance bound if the model has one, and how the run was made."""
        experiment, test = case.experiment, settings.data.split("test")
        model = case.model.to(choose_device(settings.device))
        totals = full_pass(model, test, experiment.binarisation)
        values = {
            "reconstruction": totals.reconstruction,
            "kl": totals.kl,
            "total": totals.total,
            "reconstruction_is": case.record.reconstruction_is,
            "seed": experiment.training.seed,
            "machine": RunFolder(case.folder).events()[0]["machine"],
            "epochs": experiment.training.epochs,
            "training_seconds": round(sum(row["seconds"] for row in case.rows), 1),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
        }
        binary = experiment.binarisation.binary(test)
        if not experiment.model.no_bound and model.likelihood.discrete(binary):
            values["bits_per_dimension"] = bits_per_dimension(totals.total, test.format)
        if totals.code_use is not None:
            values |= {
                "perplexity": totals.code_use.perplexity,
                "dead": totals.code_use.dead,
                "codes": totals.code_use.size,
            }
        density = binary or not model.likelihood.binary
        single = {Trait.one_latent, Trait.real_codes} <= experiment.model.traits
        if density and single and not experiment.model.no_bound:
            bounds = [importance_bound_over(model, test, experiment.binarisation, k) for k in (_FEW, self.samples)]
            values |= {
                "samples": self.samples,
                "log_p": bounds[1].mean,
                "log_p_standard_error": bounds[1].standard_error,
            }
            values |= {f"log_p_{_FEW}": bounds[0].mean}
        return values | {"command": settings.command}

    def results(self, measured: Measured, runs: StudyRuns, settings: StudySettings) -> dict[str, Any]:
        """The protocol, and every row that is measured."""
        refused = {"left_out": {name: str(error) for name, error in measured.refused.items()}}
        results = {"data": settings.data.name, "protocol": self.protocol, "rows": self._rows(settings.out)}
        return results | refused if measured.refused else results

    def _rows(self, out: Path) -> dict[str, dict[str, Any]]:
        files = {member.name: _file(out, member) for member in self.members}
        stored = {name: read_json(file) for name, file in files.items() if file.exists()}
        # Files of earlier versions hold the numbers alone.
        return {name: values.get("numbers", values) for name, values in stored.items()}

    def table(self, results: dict[str, Any]) -> Table:
        """One row per model; a dash for a number that the model does not have."""
        rows = tuple(_row(name, values) for name, values in results["rows"].items())
        return Table(f"{results['data']}, test set, nats per image", COLUMNS, rows, f"Measured: {results['protocol']}.")

    def printed(self, results: dict[str, Any]) -> Sequence[Table]:
        """The table without its note."""
        return (replace(self.table(results), note=""),)

    def figures(self, measured: Measured, runs: StudyRuns, settings: StudySettings) -> Sequence[DrawnFigure]:
        """Ten images drawn from the prior of each model, one row per model."""
        names, drawn = list(self._rows(settings.out)), []
        for name in names:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                drawn.append(runs.open(name).model.generate(10).numpy())
        figure = image_grid(np.stack(drawn), names, column_axis="ten draws of each prior, mean images")
        save_figure(figure, settings.out / "samples.png")
        caption = "Ten draws from the prior of each model, mean images. Look for shapes that no digit has."
        return (DrawnFigure("samples", figure, caption),)


def _finished(folder: Path) -> bool:
    """Whether the training in this folder has reached its last epoch."""
    return any(event["event"] == "finished" for event in RunFolder(folder).events())


def _file(out: Path, member: Member) -> Path:
    """The file that keeps the numbers of a row."""
    return out / member.name / "measured.json"


def _experiment(member: Member, out: Path) -> Experiment:
    """The experiment that makes a row; its last weights are measured, so by default no image is held out."""
    experiment = member.experiment
    training = experiment.training
    training = replace(training, validation=0 if training.validation is None else training.validation)
    if member.after is None:
        return replace(experiment, training=training)
    training = replace(training, fit="prior", epochs=_PRIOR_EPOCHS)
    return replace(experiment, objective=Elbo(), start=str(out / member.after), training=training)


def _row(name: str, values: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table as text."""

    def cell(key: str, form: str) -> str:
        return format(values[key], form) if values.get(key) is not None else "-"

    grey = "" if values["reconstruction_is"] == "negative log-likelihood" else " (cross-entropy)"
    return (
        name + grey,
        *(cell(part, ".2f") for part in ("reconstruction", "kl", "total", f"log_p_{_FEW}", "log_p")),
        cell("bits_per_dimension", ".3f"),
        f"{values['perplexity']:.0f} of {values['codes']}" if "perplexity" in values else "-",
        cell("epochs", "d"),
        cell("training_seconds", ".0f"),
    )
