"""A measurement: the model, the images and the budget that every part of the evaluation is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vaelab.errors import UserError
from vaelab.evaluation.budget import Budget
from vaelab.measured import MeasuredModel
from vaelab.metrics.evidence import (
    AnnealedEvidence,
    Enumeration,
    Quadrature,
    annealed_bound,
    enumerated_evidence,
    exact_evidence,
    refuse_broken_weights,
)
from vaelab.metrics.samples import ImageClassifier, kept_classifier
from vaelab.models.model import Model
from vaelab.traits import Trait

# Most codes whose images are compared with every test image.
_MOST_CODES = 10_000


@dataclass(frozen=True)
class Measurement:
    """A model with its data and a budget: the argument of every part's `measure`.

    Results that several parts need are computed once and kept.

    Args:
        measured: the model, on data with the splits `train` and `test`.
        budget: numbers of images and draws.
        say: called with a line about each step that takes long.

    Raises:
        UserError: no data, or weights that are not finite.
    """

    measured: MeasuredModel
    budget: Budget = Budget()
    say: Callable[[str], None] = field(default=lambda line: None)

    def __post_init__(self) -> None:
        refuse_broken_weights(self.model)
        _ = self.measured.data

    @property
    def model(self) -> Model:
        """The model."""
        return self.measured.model

    @cached_property
    def train(self) -> MeasuredModel:
        """The model on the training split."""
        return self._split("train")

    @cached_property
    def test(self) -> MeasuredModel:
        """The model on the test images of the budget; drawn pixels are drawn anew for each subset."""
        return self._split("test").subset(self.budget.n_images)

    @cached_property
    def test_binarised(self) -> MeasuredModel:
        """The same images, binarised once if the model sees binary pixels, so that all metrics see the same pixels."""
        return self._split("test").binarised().subset(self.budget.n_images)

    @property
    def without_labels(self) -> list[str]:
        """Sentences about the images without a known label, left out where one is needed; none if all have."""
        named = {"training": self.train, "test": self.test}
        found = [f"{name} split: {split.unlabelled}" for name, split in named.items() if split.unlabelled]
        return [f"Left out where a label is needed: {'; '.join(found)}."] if found else []

    def _split(self, name: str) -> MeasuredModel:
        return self.measured.split(name).with_seed(self.budget.seed)

    @property
    def x(self) -> Float[Tensor, "N ..."]:
        """Pixels of the test images, binarised once."""
        return self.test_binarised.pixels

    @property
    def y(self) -> Tensor | None:
        """Labels or attributes of the test images."""
        return self.test_binarised.condition

    @cached_property
    def costly_rows(self) -> Int[Tensor, " M"]:
        """Rows of the test images that the costly measurements take."""
        rows = np.random.default_rng(self.budget.seed).permutation(len(self.x))[: self.budget.n_costly]
        return torch.from_numpy(np.sort(rows))

    @property
    def costly_batch(self) -> tuple[Float[Tensor, "M ..."], Tensor | None]:
        """Pixels and conditions of these rows, on the model's device."""
        x, y = self.x[self.costly_rows], None if self.y is None else self.y[self.costly_rows]
        return x.to(self.model.device), None if y is None else y.to(self.model.device)

    @property
    def noun(self) -> str:
        """The plural of what x holds, for texts: images, or rows."""
        return self.model.format.noun

    @property
    def each(self) -> str:
        """One of them: image, or row."""
        return self.model.format.each

    @property
    def nats(self) -> str:
        """The unit of densities: nats per image, or per row."""
        return f"nats per {self.each}"

    @property
    def score_name(self) -> str:
        """The name of -log p(x | z) on these pixels: negative log-likelihood or cross-entropy."""
        return self.model.likelihood.score_name(self.measured.binarisation.binary(self.test.data))

    @property
    def exact(self) -> Quadrature | None:
        """log p(x) by quadrature, or the log of the integral of p(z) exp(-cross-entropy) if `score_name` says so.

        None if it cannot be computed; `why_not_exact` gives the reason.
        """
        return self._exact[0]

    @property
    def why_not_exact(self) -> str:
        """The reason why `exact` is None, as a sentence; empty if it is not."""
        return self._exact[1]

    @cached_property
    def _exact(self) -> tuple[Quadrature | None, str]:
        model = self.model
        if not {Trait.one_latent, Trait.real_codes} <= model.spec.traits or sum(model.widths) > 3:
            return None, "log p(x) is not integrated: that takes one latent of at most three real numbers."
        if not model.likelihood.linear:
            name = type(model.spec.likelihood).__name__
            return None, f"log p(x) is not integrated: the likelihood {name} has no scores by matrix product."
        self.say("integrating over the latent")
        try:
            return exact_evidence(model, self.x, self.y, allow_cross_entropy=True), ""
        except UserError as why:
            return None, f"log p(x) is not integrated: {why}."

    @cached_property
    def log_p(self) -> Quadrature | Enumeration | None:
        """log p(x), exact: by quadrature, or as a sum over codes; None if it is neither, or no log-likelihood."""
        try:
            return self.exact or enumerated_evidence(self.model, self.x, self.y, _MOST_CODES)
        except UserError:
            return None

    @cached_property
    def annealed(self) -> AnnealedEvidence:
        """log p(x) of the costly rows by annealing.

        Raises:
            UserError: as `annealed_bound`.
        """
        self.say(f"annealing {len(self.costly_rows)} {self.noun}")
        x, y = self.costly_batch
        return annealed_bound(self.model, x, y, seed=self.budget.seed)

    @cached_property
    def classifier(self) -> ImageClassifier:
        """A classifier of images, trained on the training split once and kept for the next evaluation.

        Raises:
            UserError: the images have no labels.
        """
        return kept_classifier(self.train.image_data, self.budget.seed, say=self.say)
