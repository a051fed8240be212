"""Images in memory or in a file, with labels, attributes and splits, and their format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from vaelab.data.data import Data, DataFormat
from vaelab.data.mapped import blocks
from vaelab.errors import UserError
from vaelab.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ImageFormat(DataFormat):
    """The format of images that a model is built for: channels, height and width in pixels, classes or attributes."""

    channels: Annotated[int, Ge(1)]
    height: Annotated[int, Ge(1)]
    width: Annotated[int, Ge(1)]
    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    noun: ClassVar[str] = "images"
    each: ClassVar[str] = "image"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return (self.channels, self.height, self.width)


@dataclass(frozen=True, repr=False)
class ImageData(Data):
    """Images in memory or in a mapped file; `vaelab.as_data` makes it from arrays, tensors and data sets.

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
    array: ClassVar[str] = "images"

    def __post_init__(self) -> None:
        self.check_names()
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise UserError(
                f"{self.name}: images are {self.images.dtype} of shape {self.images.shape}, "
                "but must be uint8 of shape (N, C, H, W)"
            )
        if len(self.images) == 0:
            raise UserError(f"{self.name}: no images; at least one is needed")
        if 0 in self.images.shape:
            raise UserError(f"{self.name}: images have shape {self.images.shape}, without a pixel; leave them out")
        self.check_conditions()

    @property
    def shape_text(self) -> str:
        """The shape of an image, in words."""
        return f"images of {' x '.join(map(str, self.images.shape[1:]))}"

    @property
    def format(self) -> ImageFormat:
        """Shape, classes and attributes of the images."""
        channels, height, width = self.images.shape[1:]
        return ImageFormat(channels, height, width, self.classes, self.attribute_names)

    @property
    def binary(self) -> bool:
        """Whether every pixel is 0 or 255."""
        return not any(bool(((block > 0) & (block < 255)).any()) for block in blocks(self.images))

    def stored(self, binarisation: Any) -> tuple[NDArray[Any], Callable[[Tensor], Tensor]]:
        """The bytes to keep on the device, and the function from a batch of them to pixels."""
        return binarisation.prepare(self.images), binarisation.pixels

    def like(self, format: DataFormat) -> ImageData:
        """The images as they are: a model keeps nothing about images but their shape.

        Raises:
            UserError: the model takes rows of a table.
        """
        if not isinstance(format, ImageFormat):
            raise UserError(f"{self.name} has images, but the model takes rows of a table; give a table")
        return self
