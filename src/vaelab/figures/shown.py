"""A trained model, and the images it is shown, for the figures to be drawn from."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaelab.data import BinarisationSpec, Grey, ImageData
from vaelab.errors import UserError
from vaelab.figures import Need
from vaelab.models.model import Model
from vaelab.priors import StandardNormal
from vaelab.spec import Trait
from vaelab.training import Run
from vaelab.training.folder import RunFolder

# Images of the test split that are shown to the model.
SHOWN = 5000
_BATCH = 500

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Embedding:
    """What the encoder makes of the images shown, N of them.

    Args:
        mean: means of q(z | x), (N, D).
        deviation: its standard deviations, (N, D); None where they are not known.
        draw: a draw from q(z | x) for each image, (N, D).
    """

    mean: Array
    deviation: Array | None
    draw: Array


@dataclass(frozen=True)
class Subject:
    """A trained model and what it is shown.

    Args:
        model: on the CPU.
        title: what it is, for titles of figures.
        data: images it was not trained on; None where there are none to show.
        binarisation: from bytes to the pixels that the model sees.
        rows: one row per epoch, as in metrics.csv.
        reconstruction_is: what the rows' reconstruction is.
        snapshots: epochs whose models were kept, and where.
    """

    model: Model
    title: str
    data: ImageData | None = None
    binarisation: BinarisationSpec = Grey()
    rows: Sequence[dict[str, float]] = ()
    reconstruction_is: str = "reconstruction"
    snapshots: Sequence[tuple[int, Path]] = ()

    def __post_init__(self) -> None:
        if self.data is not None and self.data.format.shape != self.model.format.shape:
            raise UserError(
                f"data has images of shape {self.data.format.shape}, but the model takes {self.model.format.shape}; "
                "show it images such as it was trained on"
            )

    @cached_property
    def has(self) -> frozenset[Need]:
        """What of all that figures need is there."""
        spec, format, traits = self.model.spec, self.model.format, self.model.spec.traits
        one = {Trait.one_latent, Trait.real_codes} <= traits
        width = sum(self.model.widths)
        images = self.data is not None and not (spec.conditional and self.data.condition is None)
        labels = self.data.labels if images and self.data is not None else None
        found = {
            Need.rows: bool(self.rows),
            Need.images: images,
            Need.several: images and self.data is not None and len(self.data) >= 10,
            Need.labels: labels is not None,
            Need.two_classes: labels is not None and len(np.unique(labels)) > 1,
            Need.plane: one and width == 2,
            Need.real_codes: one,
            Need.deep: width > 2,
            Need.deviations: Trait.known_moments in traits,
            Need.normal_prior: one and isinstance(spec.prior, StandardNormal),
            Need.classes: spec.conditional and bool(format.classes),
            Need.groups: len(self.model.widths) > 1,
            Need.codebook: Trait.real_codes not in traits,
            Need.conditions: images or not spec.conditional or bool(format.classes),
            Need.umap: importlib.util.find_spec("umap") is not None,
            Need.snapshots: bool(self.snapshots),
        }
        return frozenset(need for need, there in found.items() if there)

    @cached_property
    def shown(self) -> ImageData:
        """Up to 5,000 of the images, drawn with a fixed seed, in their own order."""
        assert self.data is not None
        if len(self.data) <= SHOWN:
            return self.data
        return self.data.take(np.sort(np.random.default_rng(0).choice(len(self.data), SHOWN, replace=False)))

    @cached_property
    def pixels(self) -> Tensor:
        """What the model sees of the images shown, (N, C, H, W)."""
        with self.random_numbers():
            return self.binarisation.pixels(torch.from_numpy(self.binarisation.prepare(self.shown.images)))

    @cached_property
    def condition(self) -> Tensor | None:
        """Labels or attributes of the images shown."""
        return None if self.shown.condition is None else torch.from_numpy(self.shown.condition)

    @cached_property
    def embedding(self) -> Embedding:
        """What the model's encoder makes of the images shown."""
        return self.embed(self.model)

    def embed(self, model: Model) -> Embedding:
        """What a model's encoder makes of the images shown: this one's, or an earlier epoch's."""
        known = Trait.known_moments in model.spec.traits

        def of(x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
            q: Any = model.encode(x, y)
            draw = q.sample() if Trait.real_codes in model.spec.traits else q.mean
            return q.mean, q.stddev if known else q.mean, draw

        mean, deviation, draw = self.over_images(of)
        return Embedding(mean, deviation if known else None, draw)

    def over_images(self, function: Callable[[Tensor, Tensor | None], tuple[Tensor, ...]]) -> tuple[Array, ...]:
        """What a function gives for the images shown and their conditions, batch by batch."""
        parts = []
        with torch.no_grad(), self.random_numbers():
            for start in range(0, len(self.pixels), _BATCH):
                rows = slice(start, start + _BATCH)
                y = None if self.condition is None else self.condition[rows]
                parts.append([tensor.numpy() for tensor in function(self.pixels[rows], y)])
        return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))

    def condition_of(self, row: int) -> Tensor | None:
        """The condition of one image shown, or None for a model that takes none."""
        return None if self.condition is None or not self.model.spec.conditional else self.condition[row]

    def any_condition(self) -> Tensor | None:
        """A condition for codes that belong to no image: the first class, or the attributes of the first image."""
        if self.model.spec.conditional and self.model.format.classes:
            return torch.tensor(0)
        return self.condition_of(0) if self.model.spec.conditional else None

    def decode(self, z: NDArray[Any] | Tensor, y: Tensor | int | None = None) -> Array:
        """Mean images of p(x | z), (N, C, H, W).

        Args:
            z: codes, (N, D).
            y: a condition for each, or one for all: a label, or a row of attributes.
        """
        codes = torch.as_tensor(z, dtype=torch.float32)
        one = 0 if self.model.format.classes else 1
        y = None if y is None else torch.as_tensor(y)
        if y is not None and y.ndim == one:
            y = y.expand(len(codes), *y.shape)
        with torch.no_grad():
            parts = [
                self.model.decode(codes[start : start + _BATCH], None if y is None else y[start : start + _BATCH]).mean
                for start in range(0, len(codes), _BATCH)
            ]
        return torch.cat(parts).numpy()

    def first_of_each_class(self) -> list[int]:
        """Rows of the images shown: the first of each class; without labels the first ten."""
        labels = self.shown.labels
        if labels is None:
            return list(range(min(10, len(self.shown))))
        present = np.unique(labels).tolist()
        return [int(np.flatnonzero(labels == label)[0]) for label in present]

    def typical_of_each_class(self) -> list[int]:
        """Rows of the images shown: of each class the one whose code is nearest to the mean of its class."""
        labels, means = self.shown.labels, self.embedding.mean
        assert labels is not None
        rows = []
        for label in np.unique(labels):
            own = np.flatnonzero(labels == label)
            rows.append(int(own[np.linalg.norm(means[own] - means[own].mean(0), axis=1).argmin()]))
        return rows

    @contextmanager
    def random_numbers(self) -> Iterator[None]:
        """Random numbers that begin alike each time, and leave the caller's as they were."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            yield


def subject_of(run: Run, data: ImageData | None) -> Subject:
    """The model of a run, with the test split of the data it was trained on, or of others.

    Args:
        run: a finished training.
        data: images with a split `test`, or None for the figures that need none.

    Raises:
        UserError: images of another shape, or without a test split.
    """
    spec, experiment = run.model.spec, run.experiment
    kind = ("C" if spec.conditional else "") + type(spec).__name__
    return Subject(
        run.model,
        f"{kind} on {_short(experiment.data.kind if data is None else data.name)}",
        None if data is None else data.split("test"),
        experiment.binarisation,
        run.rows,
        run.record.reconstruction_is,
        RunFolder(run.folder).snapshots(),
    )


def _short(name: str) -> str:
    """The name of a data set for a title: of a path its last part, and no more than forty letters."""
    kind, colon, path = name.partition(":")
    last = f"{kind}{colon}{Path(path).name}" if path else name
    return last if len(last) <= 40 else f"{last[:24]}…{last[-15:]}"
