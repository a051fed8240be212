"""A model with the images that it is measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vaelab.data import BinarisationSpec, Data, Grey, ImageData
from vaelab.data.suited import check_suited
from vaelab.errors import UserError
from vaelab.loops import counted
from vaelab.metrics.densities import mean_of, sample_of
from vaelab.metrics.images import batches, condition_of, eval_mode, pixels_of, seeded
from vaelab.metrics.latent import posterior_means
from vaelab.models.model import Model
from vaelab.traits import Trait

_BATCH = 500


@final
class MeasuredModel:
    """A model with the images that it is measured on: pixels, conditions, posteriors, decoded images and seeds.

    Everything that measures or draws a model starts from here and so uses the same images and the same draws.

    Args:
        model: any model, on any device.
        data: the images, with or without splits; None for figures that need no images.
        binarisation: from bytes to pixels; grey by default.
        title: the name of the model in tables and figures.
        seed: of subsets, of drawn pixels and of every other draw.

    Raises:
        UserError: images of another shape than the model's, or a conditional model without the labels or attributes
            that it is conditional on.

    >>> from vaelab import VAE, Mlp, open_data
    >>> data = open_data("digits")
    >>> measured = MeasuredModel(VAE(network=Mlp()).build(data.format), data).split("test").subset(100)
    >>> measured.pixels.shape, measured.means.shape
    (torch.Size([100, 1, 28, 28]), (100, 2))
    """

    def __init__(
        self,
        model: Model,
        data: Data | None = None,
        binarisation: BinarisationSpec | None = None,
        *,
        title: str = "the model",
        seed: int = 0,
    ) -> None:
        self.model, self.binarisation, self.title, self.seed = model, binarisation or Grey(), title, seed
        if data is not None:
            check_suited(data, model.format, model.spec.conditional)
        # A table is seen with the categories and the standardisation of the model's own training rows.
        self._data = None if data is None else data.like(model.format)

    def __repr__(self) -> str:
        return f"MeasuredModel {self.title}: {self.model.spec.summary} on {self._data or 'no images'}"

    @property
    def has_data(self) -> bool:
        """Whether there are images."""
        return self._data is not None

    @property
    def data(self) -> Data:
        """The images.

        Raises:
            UserError: there are none.
        """
        if self._data is None:
            raise UserError(f"{self.title} has no images to be measured on; give data")
        return self._data

    @property
    def image_data(self) -> ImageData:
        """The data, for what is meant for images.

        Raises:
            UserError: there are none, or they are rows of a table.
        """
        if not isinstance(self.data, ImageData):
            raise UserError(f"{self.title} was trained on rows of a table, but this takes images")
        return self.data

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """The labels of the images, (N,), -1 where unknown; None if there are none, or none is known."""
        labels = self.data.labels
        return None if labels is None or not (labels >= 0).any() else labels

    @cached_property
    def labelled(self) -> MeasuredModel:
        """The same model on the images whose label is known; on all of them where no label is."""
        if self.labels is None or (self.labels >= 0).all():
            return self
        return self.take(np.flatnonzero(self.labels >= 0))

    @property
    def unlabelled(self) -> str:
        """How many images have an unknown label while others have known ones, in words; empty for none."""
        missing = self.n_images - self.labelled.n_images
        return f"{missing:,} of {self.n_images:,} {self.data.noun} have no known label" if missing else ""

    @property
    def n_images(self) -> int:
        """Number of images."""
        return 0 if self._data is None else len(self._data)

    def split(self, name: str) -> MeasuredModel:
        """The same model on one split of its images.

        Raises:
            UserError: there is no split of this name.
        """
        return self._with(data=self.data.split(name))

    def take(self, rows: slice | NDArray[np.int64]) -> MeasuredModel:
        """The same model on the images of the rows named."""
        return self._with(data=self.data.take(rows))

    def subset(self, n: int | None) -> MeasuredModel:
        """The same model on at most `n` of its images: random ones, identical for the same seed, in their order."""
        if n is None or self.n_images <= n:
            return self
        rows = np.random.default_rng(self.seed).choice(self.n_images, n, replace=False)
        return self.take(np.sort(rows))

    def binarised(self) -> MeasuredModel:
        """The same model on images whose pixels are binarised once and stored; unchanged if the model sees grey pixels.

        A subset of it has the same pixels as the whole.
        """
        if self.data.binary or not self.binarisation.binary(self.data):
            return self
        return self._with(
            data=replace(self.image_data, images=self.pixels.mul(255).byte().numpy()), binarisation=Grey()
        )

    def with_model(self, model: Model) -> MeasuredModel:
        """Another model, such as that of an earlier epoch, on the same images."""
        return self._with(model=model)

    def with_seed(self, seed: int) -> MeasuredModel:
        """The same model and images with another seed."""
        return self._with(seed=seed)

    def _with(
        self,
        model: Model | None = None,
        data: Data | None = None,
        binarisation: BinarisationSpec | None = None,
        seed: int | None = None,
    ) -> MeasuredModel:
        return MeasuredModel(
            self.model if model is None else model,
            self._data if data is None else data,
            self.binarisation if binarisation is None else binarisation,
            title=self.title,
            seed=self.seed if seed is None else seed,
        )

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """Start torch's generators from the seed, and restore their states on exit."""
        with seeded(self.model.device, self.seed):
            yield

    @cached_property
    def pixels(self) -> Float[Tensor, "N ..."]:
        """The images as the model sees them, float32 in [0, 1]; drawn pixels are drawn once."""
        return pixels_of(self.data, self.binarisation, self.seed)

    @cached_property
    def condition(self) -> Tensor | None:
        """Labels, (N,), or attributes, (N, A), of the images; None for neither, or if they are a view."""
        return condition_of(self.data, self.model)

    def completed(self, rows: Any) -> Tensor:
        """The conditions of some images, of which the model finds those labels that it needs and that are unknown."""
        assert self.condition is not None
        y = self.condition[rows]
        if self.model.unknown_labels or self.data.labels is None or not bool((y < 0).any()):
            return y
        found = self.model.completed(self.pixels[rows].to(self.model.device), y.to(self.model.device))
        return y if found is None else found.cpu()

    def condition_of(self, row: int) -> Tensor | None:
        """The condition of one image; None for a model that is not conditional."""
        return self.completed([row])[0] if self.model.spec.conditional and self.condition is not None else None

    @property
    def any_condition(self) -> Tensor | None:
        """A condition for latents that belong to no image: the first class, or the first image's attributes."""
        if self.model.spec.conditional and self.model.format.classes:
            return torch.tensor(0)
        return self.condition_of(0) if self.model.spec.conditional else None

    @cached_property
    def means(self) -> Float[NDArray[np.float64], "N D"]:
        """Mean of q(z | x) of each image.

        Raises:
            UserError: the posterior has no mean.
        """
        return posterior_means(self.model, self.pixels, self.condition)

    @cached_property
    def deviations(self) -> Float[NDArray[np.float32], "N D"]:
        """Standard deviations of q(z | x) of each image.

        Raises:
            UserError: the posterior does not say that its moments are known (`Trait.known_moments`).
        """
        if Trait.known_moments not in self.model.spec.traits:
            raise UserError(f"model is a {self.model.spec.summary}, whose posterior has no known deviations")
        (found,) = self.map_images(lambda x, y: (_posterior(self.model, x, y).stddev.flatten(1),))
        return found

    @cached_property
    def draws(self) -> Float[NDArray[np.float32], "N D"]:
        """One draw from q(z | x) for each image.

        Raises:
            UserError: the posterior cannot be sampled.
        """

        def draw(x: Tensor, y: Tensor | None) -> tuple[Tensor]:
            return (sample_of(_posterior(self.model, x, y), (), "model.posterior").flatten(1),)

        (found,) = self.map_images(draw)
        return found

    @torch.no_grad()
    def map_images(self, function: Callable[[Tensor, Tensor | None], tuple[Tensor, ...]]) -> tuple[NDArray[Any], ...]:
        """The results of a function of pixels and conditions for all images, computed in batches.

        Args:
            function: from pixels (B, C, H, W) and conditions to tensors with B rows, or with one row per batch.
        """
        with eval_mode(self.model), self.seeded():
            parts = [
                [tensor.numpy(force=True) for tensor in function(x, y)]
                for x, y in batches(self.model, self.pixels, self.condition, _BATCH)
            ]
        return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))

    @torch.no_grad()
    def decode(self, z: ArrayLike | Tensor, y: Tensor | int | None = None) -> Float[NDArray[np.float32], "N ..."]:
        """Decoded images: the mean of p(x | z), computed in batches.

        Args:
            z: latents, (N, D).
            y: for a conditional model, one condition per latent, or one for all: a label or a row of attributes.

        Raises:
            UserError: as `Model.decode`, or the likelihood has no mean.
        """
        latents = torch.as_tensor(z, dtype=next(self.model.parameters()).dtype)
        for_all = 0 if self.model.format.classes else 1
        y = None if y is None else torch.as_tensor(y)
        if y is not None and y.ndim == for_all:
            y = y.expand(len(latents), *y.shape)
        starts = range(0, len(latents), _BATCH)
        with eval_mode(self.model):
            parts = [
                mean_of(
                    self.model.decode(
                        latents[start : start + _BATCH], None if y is None else y[start : start + _BATCH]
                    ),
                    "model.likelihood",
                )
                for start in counted(starts, len(starts))
            ]
        images: NDArray[np.float32] = torch.cat(parts).numpy(force=True)
        return images


def _posterior(model: Model, x: Tensor, y: Tensor | None) -> Any:
    return model.encode(x, y)
