"""A trained model and the images it is measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import overload

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaelab.data import BinarisationSpec, Grey, ImageData
from vaelab.errors import UserError
from vaelab.evaluation.results import Number
from vaelab.metrics import ImageClassifier, posterior_means, train_classifier
from vaelab.metrics.checks import at_least
from vaelab.metrics.evidence import (
    AnnealedEvidence,
    Quadrature,
    annealed_bound,
    exact_evidence,
    refuse_broken_weights,
)
from vaelab.metrics.images import condition_of, pixels_of
from vaelab.metrics.intervals import Interval
from vaelab.models.model import Model
from vaelab.spec import Trait


@dataclass(frozen=True)
class Budget:
    """How much is spent on an evaluation.

    Args:
        images: images of the test split, always the same random ones; None for all.
        few: images that what costs most is measured on: annealing, and a posterior fitted to each.
        samples: importance samples an image.
        seed: of every draw.
    """

    images: int | None = None
    few: int = 50
    samples: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("images", "few"):
            value = getattr(self, name)
            if value is not None:
                at_least(name, value, 2)
        at_least("samples", self.samples, 1)
        at_least("seed", self.seed, 0)


@dataclass(frozen=True)
class Subject:
    """A model, the data it is measured on, and the budget.

    Args:
        model: on any device.
        data: with splits `train` and `test`.
        binarisation: from bytes to the pixels that the model is shown.
        budget: how much is spent.
        title: what it is, for tables.
        say: is told what is being done.

    Raises:
        UserError: images of another shape than the model's, a conditional model without its conditions, or weights
            that are not finite.
    """

    model: Model
    data: ImageData
    binarisation: BinarisationSpec = Grey()
    budget: Budget = Budget()
    title: str = "the model"
    say: Callable[[str], None] = field(default=lambda line: None)

    def __post_init__(self) -> None:
        refuse_broken_weights(self.model)
        if self.data.format.shape != self.model.format.shape:
            raise UserError(
                f"data has images of shape {self.data.format.shape}, but the model takes {self.model.format.shape}; "
                "measure it on images such as it was trained on"
            )
        if self.model.spec.conditional and self.data.format.condition_size != self.model.format.condition_size:
            raise UserError(
                f"data has {self.data.format.condition_size} classes or attributes, but the model is conditional on "
                f"{self.model.format.condition_size}; measure it on images such as it was trained on"
            )

    @cached_property
    def train(self) -> ImageData:
        """What the model was trained on."""
        return self.data.split("train")

    @cached_property
    def test(self) -> ImageData:
        """The images it is measured on, as they are stored."""
        whole = self.data.split("test")
        return whole if self.budget.images is None else self.some(whole, self.budget.images)

    @cached_property
    def shown(self) -> ImageData:
        """The same as the model is shown them: where pixels are drawn, each once, whatever is measured."""
        whole = self.data.split("test")
        if self.binarisation.binary(whole) and not whole.binary:
            binary = pixels_of(whole, self.binarisation, self.budget.seed).mul(255).byte().numpy()
            whole = replace(whole, images=binary)
        return whole if self.budget.images is None else self.some(whole, self.budget.images)

    def some(self, data: ImageData, most: int) -> ImageData:
        """At most so many of a split's images, always the same random ones, in their own order."""
        if len(data) <= most:
            return data
        drawn = np.random.default_rng(self.budget.seed).choice(len(data), most, replace=False)
        return data.take(np.sort(drawn))

    @cached_property
    def x(self) -> Float[Tensor, "N C H W"]:
        """What the model is shown of the test images."""
        return pixels_of(self.shown)

    @cached_property
    def y(self) -> Tensor | None:
        """Their labels or attributes."""
        return condition_of(self.test)

    @cached_property
    def few(self) -> Tensor:
        """Rows of the test images, for what costs most."""
        rows = np.random.default_rng(self.budget.seed).permutation(len(self.x))[: self.budget.few]
        return torch.from_numpy(np.sort(rows))

    @property
    def y_of_few(self) -> Tensor | None:
        """The conditions of those."""
        return None if self.y is None else self.y[self.few]

    @property
    def score(self) -> str:
        """What -log p(x | z) is on these pixels: a negative log-likelihood, or a cross-entropy."""
        return self.model.likelihood.score_name(self.binarisation.binary(self.test))

    @cached_property
    def exact(self) -> Quadrature | str:
        """The integral of p(z) exp(-reconstruction) over z by quadrature: log p(x) where `score` says that it is.

        Where it is not to be had, why.
        """
        few = {Trait.one_latent, Trait.real_codes} <= self.model.spec.traits and sum(self.model.widths) <= 3
        if not few:
            return "log p(x) is exact for one latent of at most three real numbers alone."
        if not self.model.likelihood.linear:
            name = type(self.model.spec.likelihood).__name__
            return f"log p(x) is not integrated: the likelihood is {name}, whose scores are no product of matrices."
        self.say("integrating over the latent")
        try:
            return exact_evidence(self.model, self.x, self.y, allow_cross_entropy=True)
        except UserError as why:
            return f"log p(x) is not integrated: {why}."

    @cached_property
    def annealed(self) -> AnnealedEvidence:
        """log p(x) of the few images by annealing.

        Raises:
            UserError: as `annealed_bound`.
        """
        self.say(f"annealing {len(self.few)} images")
        x, y = self.on_device(self.x[self.few]), self.on_device(self.y_of_few)
        return annealed_bound(self.model, x, y, seed=self.budget.seed)

    @overload
    def on_device(self, values: Tensor) -> Tensor: ...

    @overload
    def on_device(self, values: Tensor | None) -> Tensor | None: ...

    def on_device(self, values: Tensor | None) -> Tensor | None:
        """Where the model lies."""
        return None if values is None else values.to(self.model.device)

    @cached_property
    def classifier(self) -> ImageClassifier:
        """One that tells the classes of images, trained on the training split.

        Raises:
            UserError: there are no labels.
        """
        self.say("training a classifier of images")
        return train_classifier(self.train, seed=self.budget.seed)

    def means(self, data: ImageData) -> Float[NDArray[np.float64], "N D"]:
        """Means of the posteriors of a split's images."""
        x = pixels_of(data, self.binarisation, self.budget.seed)
        return posterior_means(self.model, x, condition_of(data))


def tried(parts: Mapping[str, Callable[[], Iterable[Number]]]) -> tuple[list[Number], list[str]]:
    """The numbers of all parts that can be measured, and a sentence about each that cannot: one does not cost another.

    Raises:
        UserError: none can.
    """
    numbers, findings, refusals = list[Number](), list[str](), list[UserError]()
    for name, part in parts.items():
        try:
            numbers += list(part())
        except UserError as why:
            findings.append(f"{name} left out: {why}.")
            refusals.append(why)
    if refusals and not numbers:
        raise refusals[0]
    return numbers, findings


def pair(interval: Interval) -> tuple[float, float]:
    """An interval as evaluation.json holds it."""
    return interval.low, interval.high
