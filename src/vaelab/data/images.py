"""`ImageData`, the value that every source returns: images, labels, attributes and splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from vaelab.errors import UserError
from vaelab.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ImageFormat(Spec):
    """The format of images that a model is built for: channels, height and width in pixels, classes or attributes."""

    channels: Annotated[int, Ge(1)]
    height: Annotated[int, Ge(1)]
    width: Annotated[int, Ge(1)]
    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def condition_size(self) -> int:
        """K, numbers in a condition: one per class, or, for images without labels, one per attribute."""
        return len(self.classes or self.attributes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return (self.channels, self.height, self.width)


@dataclass(frozen=True, repr=False)
class ImageData:
    """Images in memory; `vaelab.as_data` makes it from arrays, tensors and data sets.

    Args:
        name: the name of the data set, in a word or two.
        images: uint8, (N, C, H, W).
        labels: int64, (N,), each an index into `classes`; None for unlabelled images.
        classes: the names of the classes; empty for unlabelled images.
        splits: the rows of each split by name, such as {"train": range(0, 60000)}.
        skipped: files that were left out because they cannot be decoded.
        attributes: float32, (N, A), numbers that describe an image; None for none.
        attribute_names: one name per column; empty for none.
        source: the spec that loaded it; None for images that were put together in memory.

    Raises:
        UserError: the arrays do not fit together.

    >>> tilts = np.array([[0.0], [0.5]], np.float32)
    >>> data = ImageData("bars", np.zeros((2, 1, 8, 8), np.uint8), attributes=tilts, attribute_names=("tilt",))
    >>> data
    ImageData bars: 2 images of 1 x 8 x 8, attributes tilt
    >>> data.format
    ImageFormat(channels=1, height=8, width=8, classes=(), attributes=('tilt',))
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    splits: Mapping[str, range] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    attributes: NDArray[np.float32] | None = None
    attribute_names: tuple[str, ...] = ()
    source: Spec | None = None

    def __post_init__(self) -> None:
        for text in (self.name, *self.classes, *self.attribute_names):
            if text.encode(errors="replace").decode() != text:
                raise UserError(f"the name {text!r} is not UTF-8, so no record can hold it; rename it")
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise UserError(
                f"{self.name}: images are {self.images.dtype} of shape {self.images.shape}, "
                "but must be uint8 of shape (N, C, H, W)"
            )
        if len(self.images) == 0:
            raise UserError(f"{self.name}: no images; at least one is needed")
        if 0 in self.images.shape:
            raise UserError(f"{self.name}: images have shape {self.images.shape}, without a pixel; leave them out")
        if self.labels is not None:
            if self.labels.shape != (len(self.images),):
                raise UserError(
                    f"{self.name}: labels have shape {self.labels.shape}, "
                    f"but there are {len(self.images)} images; give one label per image"
                )
            low, high = int(self.labels.min()), int(self.labels.max())
            if low < 0 or high >= len(self.classes):
                raise UserError(
                    f"{self.name}: labels run from {low} to {high}, but there are {len(self.classes)} "
                    "classes; number the classes from 0"
                )
        self._check_attributes()

    def _check_attributes(self) -> None:
        columns = 0
        if self.attributes is not None:
            if self.attributes.ndim != 2 or len(self.attributes) != len(self.images) or self.attributes.shape[1] == 0:
                raise UserError(
                    f"{self.name}: attributes have shape {self.attributes.shape}, "
                    f"but there are {len(self.images)} images; give (N, A), one row per image"
                )
            if self.attributes.dtype != np.float32:
                raise UserError(f"{self.name}: attributes are {self.attributes.dtype}, but must be float32")
            if not np.isfinite(self.attributes).all():
                row, column = np.argwhere(~np.isfinite(self.attributes))[0].tolist()
                raise UserError(
                    f"{self.name}: attributes[{row}, {column}] is {self.attributes[row, column]}, but must be finite; "
                    "leave such images out or fill the value in"
                )
            columns = self.attributes.shape[1]
        if len(self.attribute_names) != columns:
            raise UserError(
                f"{self.name}: there are {len(self.attribute_names)} attribute names, but the attributes have "
                f"{columns} columns; give one name per column"
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.images.shape[1:]))
        parts = [f"{len(self):,} images of {shape}"]
        if self.labels is not None:
            parts.append(f"{len(self.classes)} classes")
        if self.attributes is not None:
            names = ", ".join(self.attribute_names[:5]) + ", ..." * (len(self.attribute_names) > 5)
            parts.append(f"attributes {names}")
        parts += [f"{name} {len(rows):,}" for name, rows in self.splits.items()]
        return f"ImageData {self.name}: {', '.join(parts)}"

    @property
    def format(self) -> ImageFormat:
        """Shape, classes and attributes of the images."""
        channels, height, width = self.images.shape[1:]
        return ImageFormat(channels, height, width, self.classes, self.attribute_names)

    @property
    def condition(self) -> NDArray[np.int64] | NDArray[np.float32] | None:
        """The condition of each image: its label, or, for unlabelled images, its attributes; None for none."""
        return self.attributes if self.labels is None else self.labels

    @property
    def binary(self) -> bool:
        """Whether every pixel is 0 or 255."""
        return not bool(((self.images > 0) & (self.images < 255)).any())

    @property
    def digest(self) -> str:
        """sha256 over images, labels, splits and attributes: whether two data sets are the same."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).data)
        digest.update(repr((self.images.shape, sorted(self.splits.items(), key=str))).encode())
        # Runs from before there were attributes know their data by the lines above alone.
        if self.attributes is not None:
            digest.update(np.ascontiguousarray(self.attributes).data)
            digest.update(repr(self.attribute_names).encode())
        return digest.hexdigest()

    def split(self, name: str) -> ImageData:
        """The images of one split, without a copy.

        Raises:
            UserError: there is no split of this name, or it is empty.
        """
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise UserError(f"split is {name!r}, but {self.name} has: {known}")
        rows = self.splits[name]
        return self.take(slice(rows.start, rows.stop))

    def take(self, rows: slice | NDArray[np.int64]) -> ImageData:
        """The images of the rows named, in that order, as one set without splits."""
        return replace(
            self,
            images=self.images[rows],
            labels=None if self.labels is None else self.labels[rows],
            attributes=None if self.attributes is None else self.attributes[rows],
            splits={},
            skipped=(),
            source=None,
        )

    def tensors(self) -> tuple[Tensor, Tensor | None]:
        """The images as float32 in [0, 1], (N, C, H, W), and `condition`, (N,) or (N, A), or None."""
        import torch

        condition = None if self.condition is None else torch.from_numpy(self.condition)
        return torch.from_numpy(self.images).float() / 255, condition


def as_attributes(values: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as float32; those that float32 cannot hold become infinite, which `ImageData` refuses."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def held_out(whole: ImageData, share: float = 0.2) -> ImageData:
    """The same data with a test split of `share` of the rows, drawn with a fixed seed so that it is always the same.

    Raises:
        UserError: there are fewer than two images.

    >>> held_out(ImageData("bars", np.zeros((10, 1, 8, 8), np.uint8))).splits
    {'train': range(0, 8), 'test': range(8, 10)}
    """
    rows = len(whole)
    order = np.random.default_rng(0).permutation(rows)
    train = rows - max(1, round(share * rows))
    if train < 1:
        raise UserError(f"{whole.name}: {rows} images; at least two are needed, one of them for the test split")
    splits = {"train": range(train), "test": range(train, rows)}
    return replace(whole.take(order), splits=splits, skipped=whole.skipped)
