"""The table of the study: a VAE and a CVAE on MNIST with a two-dimensional latent space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, ClassVar

from vaelab.experiment import Experiment
from vaelab.figures import DrawnFigure
from vaelab.plots import save_figure
from vaelab.report import Table
from vaelab.report.published import PAPER
from vaelab.studies.measured import Measured
from vaelab.studies.recipes import Recipe, study_experiment
from vaelab.studies.runs import StudyRuns
from vaelab.studies.settings import StudySettings
from vaelab.studies.study import Study
from vaelab.training import Run, full_pass
from vaelab.training.device import choose_device

MODELS = ("vae", "cvae")
QUANTITIES = ("reconstruction", "kl", "total")
COLUMNS = ("nats per image", "reconstruction", "KL", "total")

# By split, quantity and seed, in nats per image.
Totals = Mapping[str, Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class PaperStudy(Study):
    """Train the VAE and the CVAE of the study, once per seed, and compare them with its table.

    Args:
        recipe: how to train.
    """

    recipe: Recipe = Recipe.paper
    protocol: ClassVar[str] = (
        "a full pass with the final weights, one draw of z per image, nats per image; "
        "spread is the sample standard deviation over seeds"
    )
    seeds: ClassVar[int | None] = 1
    run_figures: ClassVar[Sequence[str] | None] = (
        "training-curves",
        "reconstructions",
        "latent-scatter",
        "aggregate-posterior",
        "latent-plane",
        "interpolations",
        "shared-style",
    )

    def plan(self, settings: StudySettings) -> Mapping[str, Experiment]:
        """Both models by the recipe."""
        n_images = len(settings.data.split("train"))
        return {model: study_experiment(model, self.recipe, n_images, settings.epochs) for model in MODELS}

    def explored(self, runs: StudyRuns) -> Sequence[Run]:
        """The VAE and the CVAE of the first seed."""
        return list(runs.values())[: len(MODELS)]

    def measure(self, case: Run, settings: StudySettings) -> dict[str, dict[str, float]]:
        """Reconstruction, KL and total over both splits, in fp32 regardless of the precision of training."""
        model = case.model.to(choose_device(settings.device))
        totals = {split: full_pass(model, settings.data.split(split)) for split in ("train", "test")}
        return {split: {name: getattr(of, name) for name in QUANTITIES} for split, of in totals.items()}

    def results(self, measured: Measured, runs: StudyRuns, settings: StudySettings) -> dict[str, Any]:
        """The table over the training set by model, with `test` below each, the improvement of CVAE over VAE in
        percent, and the table of the study."""
        about = self.about(runs, settings)
        totals = {
            model: {
                split: {
                    name: [measured[f"{model}-seed{seed}"][split][name] for seed in about["seeds"]]
                    for name in QUANTITIES
                }
                for split in ("train", "test")
            }
            for model in MODELS
        }
        results: dict[str, Any] = {
            model: _summary(of["train"]) | {"test": _summary(of["test"])} for model, of in totals.items()
        }
        results["improvement"] = _improvement(totals, "train") | {"test": _improvement(totals, "test")}
        results["paper"] = PAPER
        results["about"] = about | {
            "set": "the numbers of each model are over the training set, those under `test` over the test set",
            "reconstruction_is": next(iter(runs.trained.values())).record.reconstruction_is,
            "recipe": self.recipe.value,
        }
        return results

    def table(self, results: dict[str, Any]) -> Table:
        """The measured rows, each above that of the study, with notes on how to read them."""
        about = results["about"]
        score = about["reconstruction_is"]
        notes = [f"Measured: {about['protocol']}. KL before beta. The reconstruction is a {score}."]
        if score == "cross-entropy":
            notes.append("A cross-entropy on grey pixels is not a log-likelihood.")
        if _comparable(results):
            notes.append(
                "The rows of the study, which this project reproduces, are running averages over the last epoch's "
                "training images."
            )
        return Table(f"VAE and CVAE on {about['data']}, final weights", COLUMNS, _rows(results), " ".join(notes))

    def printed(self, results: dict[str, Any]) -> Sequence[Table]:
        """The same rows, with the recipe in the title."""
        about = results["about"]
        title = f"VAE and CVAE on {about['data']}, {about['epochs']} epochs, recipe {about['recipe']}"
        return (Table(title, COLUMNS, _rows(results), f"reconstruction is {about['reconstruction_is']}"),)

    def draw(self, run: Run, settings: StudySettings) -> Sequence[DrawnFigure]:
        """The figures of the report, each also saved as a file."""
        figures = super().draw(run, settings)
        model = "cvae" if run.model.spec.conditional else "vae"
        for drawn in figures:
            save_figure(drawn.figure, settings.out / "figures" / f"{drawn.name}-{model}.png")
        return figures


def _rows(results: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """The rows of the table as text, each with its heading."""
    comparable = _comparable(results)

    def row(heading: str, values: dict[str, Any], unit: str = "") -> tuple[str, ...]:
        digits, spread = 1 if unit else 2, values.get("spread")
        cells = [
            f"{values[name]:.{digits}f}{unit}" + (f" ± {spread[name]:.{digits}f}" if spread else "")
            for name in QUANTITIES
        ]
        return (heading, *cells)

    rows = []
    for model in MODELS:
        rows.append(row(f"{model.upper()}, train", results[model]))
        if comparable:
            rows.append(row(f"{model.upper()}, the study", results["paper"][model]))
    rows.append(row("improvement, train", results["improvement"], " %"))
    if comparable:
        rows.append(row("improvement, the study", results["paper"]["improvement"], " %"))
    rows += [row(f"{model.upper()}, test", results[model]["test"]) for model in MODELS]
    rows.append(row("improvement, test", results["improvement"]["test"], " %"))
    return tuple(rows)


def _comparable(results: dict[str, Any]) -> bool:
    """Whether the rows of the study may be shown: its data is MNIST."""
    return bool(results["about"]["data"] == "mnist")


def _summary(values: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Mean and spread over seeds of each quantity."""
    several = len(values["total"]) > 1
    return {name: mean(numbers) for name, numbers in values.items()} | {
        "spread": {name: stdev(numbers) for name, numbers in values.items()} if several else None,
        "by_seed": dict(values),
    }


def _improvement(totals: Mapping[str, Totals], split: str) -> dict[str, Any]:
    """The percentage by which the CVAE is below the VAE: of the means, and its spread over pairs of one seed."""

    def percent(vae: float, cvae: float) -> float:
        return 100 * (1 - cvae / vae)

    improvement: dict[str, Any] = {}
    spread = {}
    for name in QUANTITIES:
        vae, cvae = (totals[model][split][name] for model in MODELS)
        improvement[name] = percent(mean(vae), mean(cvae))
        if len(vae) > 1:
            spread[name] = stdev(map(percent, vae, cvae))
    improvement["spread"] = spread or None
    return improvement
