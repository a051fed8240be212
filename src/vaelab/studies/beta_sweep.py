"""Rate, distortion and disentanglement of beta-VAEs as functions of beta."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vaelab.codec import encode
from vaelab.data import ImageFormat, Sprites
from vaelab.errors import UserError
from vaelab.evaluation import PARTS
from vaelab.evaluation.budget import Budget
from vaelab.evaluation.evaluate import measure_parts
from vaelab.evaluation.measurement import Measurement
from vaelab.evaluation.results import Evaluation, read_evaluation
from vaelab.experiment import Experiment, Training
from vaelab.figures import DrawnFigure
from vaelab.measured import MeasuredModel
from vaelab.metrics.disentanglement import (
    DisentanglementScores,
    PublishedScores,
    beta_vae_score,
    factors_of,
)
from vaelab.models import VAE
from vaelab.models.files import weights_digest
from vaelab.networks import Conv
from vaelab.objectives import Elbo
from vaelab.optimisers import Adam
from vaelab.report import Table
from vaelab.schedules import Constant, Cosine
from vaelab.studies.measured import Measured
from vaelab.studies.runs import StudyRuns
from vaelab.studies.settings import StudySettings
from vaelab.studies.study import Study
from vaelab.studies.sweep import MEASURED, Sweep, plane, scores_by_beta, slopes, sweep_table, tables_by_part
from vaelab.training import Run
from vaelab.training.device import choose_device

SOURCE = Sprites(image_size=32)
"""The default images of the sweep: their factors are known, and a run takes minutes."""
BETAS = (1.0, 2.0, 4.0, 8.0, 16.0)


def _budget() -> Budget:
    # No part of the evaluation takes more images of a split.
    return Budget(n_images=10_000)


@dataclass(frozen=True)
class BetaSweepStudy(Study):
    """Train a beta-VAE for each beta and seed, and measure rate, distortion and disentanglement.

    Each run minimises D + beta R, the distortion and the rate of the ELBO (Higgins et al. 2017, equation 4; Alemi et
    al. 2018). The numbers of a run are kept in its evaluation.json, and measured again if weights or budget differ.

    Args:
        betas: weights of the rate, each >= 0, in any order.
        latent: dimensions of z.
        budget: the number of measured images, at most 10,000, and the seed of every draw.
    """

    betas: tuple[float, ...] = BETAS
    latent: int = 10
    budget: Budget = field(default_factory=_budget)
    protocol: ClassVar[str] = (
        "test split, final weights, fp32, one draw of z per image, nats per image, KL before beta; disentanglement of "
        "posterior means; the spread is the sample standard deviation over seeds"
    )
    seeds: ClassVar[int | None] = 2

    @property
    def _sorted(self) -> list[float]:
        return sorted(map(float, self.betas))

    def check(self, settings: StudySettings) -> None:
        """Refuse betas that cannot be swept, and images whose factors are unknown or too few to be told apart.

        Raises:
            UserError: no beta, a beta that is negative, not finite or given twice, or unsuitable data.
        """
        shown = [f"{beta:g}" for beta in self.betas]
        if not shown:
            raise UserError("betas is empty; give at least one, such as 1")
        for beta in self.betas:
            if not (beta >= 0 and math.isfinite(beta)):
                raise UserError(f"betas has {beta:g}, but each must be finite and >= 0; leave it out")
        twice = [text for text in shown if shown.count(text) > 1]
        if twice:
            raise UserError(f"betas has {twice[0]} more than once, but each must be another; leave the others out")
        _, factors, _ = factors_of(settings.data.split("test"))
        # The factors take the place of the latents, so that unsuitable data is refused before anything is trained.
        beta_vae_score(factors, factors)

    def plan(self, settings: StudySettings) -> Mapping[str, Experiment]:
        """One run per beta, in ascending order."""
        return {f"beta-{beta:g}": sweep_experiment(settings.data.format, beta, self.latent) for beta in self._sorted}

    def numbers_file(self, name: str, case: Run, settings: StudySettings) -> None:
        """None: the numbers are kept in the run's evaluation.json."""

    def measure(self, case: Run, settings: StudySettings) -> Evaluation:
        """The evaluation of a run, read from its evaluation.json if that is of the same weights, or measured."""
        path, name = case.folder / "evaluation.json", case.folder.name
        model = case.model.to(choose_device(settings.device))
        measurement = Measurement(
            MeasuredModel(model, settings.data, case.experiment.binarisation, title=name),
            self.budget,
            lambda line: settings.say(f"{name}: {line}"),
        )
        earlier = read_evaluation(path) if path.exists() else None
        if earlier is not None and earlier.weights_sha256 == weights_digest(model):
            about = [section.about for section in earlier.sections if section.part in MEASURED]
            wanted = {"images": measurement.test.n_images, "seed": self.budget.seed}
            names = {number.name for section in earlier.sections for number in section.numbers}
            # An older version measured fewer scores, some by other definitions.
            current = names.issuperset([*DisentanglementScores.names(), *PublishedScores.names()])
            if current and len(about) == len(MEASURED) and all(wanted.items() <= values.items() for values in about):
                return earlier
        evaluation = measure_parts(measurement, MEASURED, settings.command)
        if earlier is not None:
            evaluation = evaluation.merge(earlier, [part.name for part in PARTS])
        evaluation.write(path)
        return evaluation

    def results(self, measured: Measured, runs: StudyRuns, settings: StudySettings) -> dict[str, Any]:
        """The numbers of each run, and the `slopes` of distortion over rate between neighbouring betas."""
        sweep = self._sweep(measured, runs)
        first = next(iter(sweep.values()))
        seconds = [float(of.section(part).about["seconds"]) for of in sweep.values() for part in MEASURED]
        about = self.about(runs, settings) | {
            "reconstruction_is": _reconstruction_is(runs),
            "betas": self._sorted,
            "images": first.section("elbo").about["images"],
            "measuring_seconds": round(sum(seconds), 1),
        }
        names = {key: f"beta-{key[0]:g}-seed{key[1]}" for key in sweep}
        return {
            "about": about,
            "runs": {names[key]: _record(*key, evaluation) for key, evaluation in sweep.items()},
            "slopes": slopes(sweep, self._sorted),
        }

    def _sweep(self, measured: Measured, runs: StudyRuns) -> Sweep:
        """The evaluations by beta and seed."""
        seeds = sorted({run.experiment.training.seed for run in runs.trained.values()})
        return {(beta, seed): measured[f"beta-{beta:g}-seed{seed}"] for seed in seeds for beta in self._sorted}

    def table(self, results: dict[str, Any]) -> Table:
        """All numbers, one column per beta."""
        return sweep_table(results)

    def printed(self, results: dict[str, Any]) -> Sequence[Table]:
        """One table per part of the evaluation."""
        return tables_by_part(results)

    def remarks(self, results: dict[str, Any]) -> Sequence[str]:
        """The notes of the table."""
        return (*super().remarks(results), sweep_table(results).note)

    def figures(self, measured: Measured, runs: StudyRuns, settings: StudySettings) -> Sequence[DrawnFigure]:
        """The plane of rate and distortion, and the scores of disentanglement by beta."""
        sweep, title = self._sweep(measured, runs), settings.data.name
        return (
            plane(sweep, self._sorted, _reconstruction_is(runs), title),
            scores_by_beta(sweep, self._sorted, title),
        )


def sweep_experiment(format: ImageFormat, beta: float, latent: int) -> Experiment:
    """The experiment of one beta; the network halves images until about four pixels remain.

    >>> sweep_experiment(ImageFormat(1, 32, 32), 4.0, 10).model
    VAE(latent=10, conditional=False, network=Conv(channels=(32, 64, 64)), posterior=Gaussian(), \
prior=StandardNormal(), likelihood=Bernoulli())
    """
    halvings = max(1, round(math.log2(min(format.height, format.width) / 4)))
    channels = (*(32,) * (halvings - 2), 64, 64)[-halvings:]
    return Experiment(
        data=SOURCE,
        model=VAE(latent=latent, network=Conv(channels=channels)),
        objective=Elbo(beta=Constant(beta)),
        training=Training(
            epochs=10,
            batch_size=64,
            validation=0,
            optimiser=Adam(learning_rate=2e-3, schedule=Cosine(start=1.0, stop=0.0, warmup=0.05)),
        ),
    )


def _reconstruction_is(runs: StudyRuns) -> str:
    return next(iter(runs.trained.values())).record.reconstruction_is


def _record(beta: float, seed: int, evaluation: Evaluation) -> dict[str, Any]:
    """The entry of a run in results.json."""
    numbers = {part: [encode(number) for number in evaluation.section(part).numbers] for part in MEASURED}
    return {"beta": beta, "seed": seed, "weights_sha256": evaluation.weights_sha256, **numbers}
