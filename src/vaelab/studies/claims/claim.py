"""A claim, the measurement that tests it, and the models of one seed that it is measured on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vaelab.data import ImageData
from vaelab.figures.source import MOST
from vaelab.measured import MeasuredModel
from vaelab.metrics.samples import ImageClassifier
from vaelab.report import ClaimOutcome
from vaelab.studies.claims.verdict import Check, combined, measured, outcomes
from vaelab.studies.recipes import Recipe
from vaelab.training import Run, Totals, full_pass

Numbers = dict[str, float]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class SeedRuns:
    """The models of one seed, with everything that claims are measured with.

    Args:
        runs: by purpose, such as "vae", "cvae", "cold" (no KL warm-up) and "8" (latent dimensions).
        data: the images that the models were trained on.
        classifier: returns a classifier of images, which is trained on the first call.
        seed: the seed of the runs, and of the draws in measurements.
    """

    runs: Mapping[str, Run]
    data: ImageData
    classifier: Callable[[], ImageClassifier]
    seed: int
    _measured: dict[str, MeasuredModel] = field(default_factory=dict, init=False)
    _totals: dict[tuple[str, str], Totals] = field(default_factory=dict, init=False)

    def on_test(self, name: str) -> MeasuredModel:
        """A model with up to 5,000 images of the test split."""
        return self._on(name, "test")

    def on_train(self, name: str) -> MeasuredModel:
        """A model with up to 5,000 images of the training split, on which classifiers are fitted."""
        return self._on(name, "train")

    def _on(self, name: str, split: str) -> MeasuredModel:
        key = f"{name}, {split}"
        if key not in self._measured:
            run = self.runs[name]
            images = self.data.split(split)
            self._measured[key] = MeasuredModel(run.model, images, run.experiment.binarisation, title=name).subset(MOST)
        return self._measured[key]

    def totals(self, name: str, split: str) -> Totals:
        """Reconstruction and KL of a model over a split, a full pass with the final weights.

        Raises:
            UserError: the run held out no validation images, and they are asked for.
        """
        if (name, split) not in self._totals:
            run = self.runs[name]
            images = run.validation(self.data) if split == "validation" else self.data.split(split)
            self._totals[name, split] = full_pass(run.model, images)
        return self._totals[name, split]

    def column(self, name: str, quantity: str) -> Points:
        """A column of a run's metrics.csv, (epochs,)."""
        return np.array([row[quantity] for row in self.runs[name].rows])

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.data.classes


@dataclass(frozen=True, eq=False)
class Claim:
    """A sentence of the study, and the measurement that tests it.

    Args:
        name: the name on the command line.
        says: the sentence.
        needs: the models that it is measured on.
        measure: returns the numbers of one seed, by key.
        checks: the numbers that could refute it.
        beside: descriptions of further numbers, by key; they decide nothing.
        note: what a reader must know.
        mnist: whether its numbers are specific to MNIST, so that other images cannot test it.
        digits: whether it names digits.
        recipe: the recipe whose training it describes; None for any.
    """

    name: str
    says: str
    needs: tuple[str, ...]
    measure: Callable[[SeedRuns], Numbers]
    checks: tuple[Check, ...]
    beside: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    mnist: bool = False
    digits: bool = False
    recipe: Recipe | None = None

    def unfit(self, data: ImageData, recipe: Recipe) -> str | None:
        """The reason why these images and this recipe cannot test it; None if they can."""
        if self.mnist and data.name != "mnist":
            return f"it is about MNIST's numbers, and data is {data.name}"
        if self.digits and set(data.classes) != {str(digit) for digit in range(10)}:
            return f"it is about the ten digits, and data is {data.name}"
        if self.recipe is not None and recipe is not self.recipe:
            return f"it is about training by the {self.recipe.value} recipe, and recipe is {recipe.value}"
        return None

    def tested(self, by_seed: Sequence[Numbers]) -> ClaimOutcome:
        """The claim with its numbers over seeds and its verdict, for the report."""

        checks = outcomes(self.checks, by_seed)
        beside = tuple(measured(what, [numbers[key] for numbers in by_seed]) for key, what in self.beside.items())
        return ClaimOutcome(
            self.name, self.says, combined([check.verdict for check in checks]), checks, beside, self.note
        )
