"""Protocols that turn stored bytes into the pixels that a model sees: grey values or binary ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from vaelab.data.data import Data
from vaelab.spec import Spec, any_of

if TYPE_CHECKING:
    from torch import Tensor


class BinarisationSpec(Spec, room=True):
    """Base of the protocols: by default, bytes are stored unchanged and scaled batch by batch."""

    def binary(self, data: Data) -> bool:
        """Whether the model sees only 0 and 1."""
        return True

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The bytes to store, made once before training."""
        return images

    def pixels(self, images: Tensor) -> Tensor:
        """The pixels of a batch of bytes: float32 in [0, 1]."""
        return images.float().div_(255)


@dataclass(frozen=True)
class Grey(BinarisationSpec):
    """Grey pixels, x / 255 in [0, 1]."""

    def binary(self, data: Data) -> bool:
        """Whether the model sees only 0 and 1, that is, whether the images are binary."""
        return data.binary


@dataclass(frozen=True)
class Static(BinarisationSpec):
    """Each pixel drawn from Bernoulli(x / 255), once for all epochs (the protocol of Salakhutdinov and Murray 2008).

    The draw depends on `seed`; published numbers on "static MNIST" use one fixed draw, Larochelle's.
    """

    seed: Annotated[int, Ge(0)] = 0

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The bytes to store, made once before training."""
        draw = np.random.default_rng(self.seed).integers(0, 255, images.shape, np.uint8)
        return (draw < images).view(np.uint8) * np.uint8(255)


@dataclass(frozen=True)
class Dynamic(BinarisationSpec):
    """Each pixel drawn from Bernoulli(x / 255) every time that the model sees it (Burda et al. 2016)."""

    def pixels(self, images: Tensor) -> Tensor:
        """The pixels of a batch of bytes: 0 or 1, as float32."""
        return super().pixels(images).bernoulli()


@dataclass(frozen=True)
class Threshold(BinarisationSpec):
    """Each pixel 1 if x / 255 >= level, otherwise 0."""

    level: Annotated[float, Gt(0), Le(1)] = 0.5

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The bytes to store, made once before training."""
        return (images >= self.level * 255).view(np.uint8) * np.uint8(255)


AnyBinarisation = Annotated[BinarisationSpec, any_of(BinarisationSpec)]
