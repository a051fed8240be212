"""The one value that every data source gives: images, labels, class names and splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.piece import Piece

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ImageFormat(Piece):
    """What a model must know of its pictures: channels, height and width in pixels, class names."""

    channels: Annotated[int, Ge(1)]
    height: Annotated[int, Ge(1)]
    width: Annotated[int, Ge(1)]
    classes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return (self.channels, self.height, self.width)


@dataclass(frozen=True)
class ImageData:
    """Pictures in memory.

    Args:
        name: where they come from, in a word or two.
        images: uint8, (N, C, H, W).
        labels: int64, (N,), each an index into `classes`; None where there are none.
        classes: the names of the classes; empty where there are no labels.
        splits: the rows of each split by name, such as {"train": range(0, 60000)}.
        skipped: files that were left out because they cannot be decoded.

    Raises:
        UserError: the arrays do not fit together.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    splits: Mapping[str, range] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise UserError(
                f"{self.name}: images are {self.images.dtype} of shape {self.images.shape}, "
                "but must be uint8 of shape (N, C, H, W)"
            )
        if len(self.images) == 0:
            raise UserError(f"{self.name}: no images; at least one is needed")
        if self.labels is not None:
            if self.labels.shape != (len(self.images),):
                raise UserError(
                    f"{self.name}: labels have shape {self.labels.shape}, "
                    f"but there are {len(self.images)} images; give one label an image"
                )
            low, high = int(self.labels.min()), int(self.labels.max())
            if low < 0 or high >= len(self.classes):
                raise UserError(
                    f"{self.name}: labels run from {low} to {high}, but there are {len(self.classes)} "
                    "classes; number the classes from 0"
                )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def format(self) -> ImageFormat:
        """The shape of a picture and the class names."""
        channels, height, width = self.images.shape[1:]
        return ImageFormat(channels, height, width, self.classes)

    @property
    def binary(self) -> bool:
        """Whether every pixel is 0 or 255."""
        return not bool(((self.images > 0) & (self.images < 255)).any())

    @property
    def digest(self) -> str:
        """sha256 over pictures, labels and splits: whether two data sets are the same."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).data)
        digest.update(repr((self.images.shape, sorted(self.splits.items(), key=str))).encode())
        return digest.hexdigest()

    def split(self, name: str) -> ImageData:
        """The pictures of one split, without a copy.

        Raises:
            UserError: there is no split of this name, or it is empty.
        """
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise UserError(f"split is {name!r}, but {self.name} has: {known}")
        rows = self.splits[name]
        part = slice(rows.start, rows.stop)
        labels = None if self.labels is None else self.labels[part]
        return ImageData(self.name, self.images[part], labels, self.classes)

    def tensors(self) -> tuple[Tensor, Tensor | None]:
        """The pictures as float32 in [0, 1], (N, C, H, W), and the labels as int64, (N,), or None."""
        import torch

        labels = None if self.labels is None else torch.from_numpy(self.labels)
        return torch.from_numpy(self.images).float() / 255, labels


def held_out(
    name: str,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64] | None,
    classes: tuple[str, ...],
    share: float = 0.2,
) -> ImageData:
    """Data with a test split of `share` of the rows, drawn with a fixed seed so that it is always the same."""
    # Made first as it is: whatever does not fit together is refused before rows are reordered.
    whole = ImageData(name, images, labels, classes)
    order = np.random.default_rng(0).permutation(len(whole))
    train = len(images) - max(1, round(share * len(images)))
    if train < 1:
        raise UserError(f"{name}: {len(images)} images; at least two are needed, one of them for the test split")
    return ImageData(
        name,
        images[order],
        None if labels is None else labels[order],
        classes,
        {"train": range(train), "test": range(train, len(images))},
    )
