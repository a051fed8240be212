"""What images and tables have in common: rows with labels or attributes, splits, and a format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from vaelab.data.mapped import as_tensor, copied, sha256_of
from vaelab.errors import UserError
from vaelab.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

D = TypeVar("D", bound="Data")


class DataFormat(Spec):
    """What a model is built for: the shape of one row x of the data, and the names of classes or attributes."""

    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    noun: ClassVar[str]
    """The plural of what x holds, for messages: images, or rows."""
    each: ClassVar[str]
    """One of them: image, or row."""

    @property
    def missing(self) -> bool:
        """Whether values of x may be missing; they are NaN in x."""
        return False

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of x: (C, H, W) of an image, (F,) of a row of a table."""

    @property
    def condition_size(self) -> int:
        """K, numbers in a condition: one per class, or, for data without labels, one per attribute."""
        return len(self.classes or self.attributes)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> type[Spec]:
        """The format that JSON describes: that of a table has columns."""
        from vaelab.data.columns import TableFormat
        from vaelab.data.images import ImageFormat

        return cls if cls is not DataFormat else TableFormat if "columns" in values else ImageFormat


class Data(ABC):
    """Rows in memory, each an image or a row of a table, with a label or attributes; the base of both.

    A concrete class is a frozen dataclass with these fields and with an array that has one row per image, or per row
    of the table.
    """

    name: str
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    splits: Mapping[str, range]
    skipped: tuple[str, ...]
    attributes: NDArray[np.float32] | None
    attribute_names: tuple[str, ...]
    source: Spec | None
    array: ClassVar[str]
    """The name of the field with the array."""

    @property
    @abstractmethod
    def format(self) -> DataFormat:
        """The shape of x, classes and attributes."""

    @property
    @abstractmethod
    def binary(self) -> bool:
        """Whether a model sees nothing but 0 and 1."""

    @property
    @abstractmethod
    def shape_text(self) -> str:
        """What the rows are and their shape, in words."""

    @abstractmethod
    def stored(self, binarisation: Any) -> tuple[NDArray[Any], Callable[[Tensor], Tensor]]:
        """The array to keep on the device, and the function from a batch of it to x, float32.

        Args:
            binarisation: from bytes to pixels, for images.

        Raises:
            UserError: a binarisation of data that are no images.
        """

    @abstractmethod
    def like(self, format: Any) -> Self:
        """The same rows as a model of this format takes them.

        Raises:
            UserError: the model takes other data.
        """

    @property
    def noun(self) -> str:
        """What its rows are, for messages."""
        return self.format.noun

    @property
    def rows(self) -> NDArray[Any]:
        """The array, as it is stored."""
        rows: NDArray[Any] = getattr(self, self.array)
        return rows

    def check_names(self) -> None:
        """Refuse names that no file can hold."""
        for text in (self.name, *self.classes, *self.attribute_names):
            if text.encode(errors="replace").decode() != text:
                raise UserError(f"the name {text!r} is not UTF-8, so no record can hold it; rename it")

    def check_conditions(self) -> None:
        """Refuse labels and attributes that do not fit the rows."""
        noun = self.noun
        if self.labels is not None:
            if self.labels.shape != (len(self),):
                raise UserError(
                    f"{self.name}: labels have shape {self.labels.shape}, "
                    f"but there are {len(self)} {noun}; give one label per {self.format.each}"
                )
            low, high = int(self.labels.min()), int(self.labels.max())
            # -1 is unknown, for models that are trained with some labels.
            if low < -1 or high >= len(self.classes):
                raise UserError(
                    f"{self.name}: labels run from {low} to {high}, but there are {len(self.classes)} "
                    "classes; number the classes from 0, with -1 for an unknown label"
                )
        columns = 0
        if self.attributes is not None:
            if self.attributes.ndim != 2 or len(self.attributes) != len(self) or self.attributes.shape[1] == 0:
                raise UserError(
                    f"{self.name}: attributes have shape {self.attributes.shape}, "
                    f"but there are {len(self)} {noun}; give (N, A), one row per {self.format.each}"
                )
            if self.attributes.dtype != np.float32:
                raise UserError(f"{self.name}: attributes are {self.attributes.dtype}, but must be float32")
            if not np.isfinite(self.attributes).all():
                row, column = np.argwhere(~np.isfinite(self.attributes))[0].tolist()
                raise UserError(
                    f"{self.name}: attributes[{row}, {column}] is {self.attributes[row, column]}, but must be finite; "
                    f"leave such {noun} out or fill the value in"
                )
            columns = self.attributes.shape[1]
        if len(self.attribute_names) != columns:
            raise UserError(
                f"{self.name}: there are {len(self.attribute_names)} attribute names, but the attributes have "
                f"{columns} columns; give one name per column"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        parts = [f"{len(self):,} {self.shape_text}"]
        if self.labels is not None:
            parts.append(f"{len(self.classes)} classes")
        if self.attributes is not None:
            names = ", ".join(self.attribute_names[:5]) + ", ..." * (len(self.attribute_names) > 5)
            parts.append(f"attributes {names}")
        parts += [f"{name} {len(rows):,}" for name, rows in self.splits.items()]
        return f"{type(self).__name__} {self.name}: {', '.join(parts)}"

    @property
    def condition(self) -> NDArray[np.int64] | NDArray[np.float32] | None:
        """The condition of each row: its label, or, for unlabelled data, its attributes; None for none."""
        return self.attributes if self.labels is None else self.labels

    @property
    def digest(self) -> str:
        """sha256 over rows, labels, splits and attributes: whether two data sets are the same."""
        digest = sha256_of(self.rows)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).data)
        digest.update(repr((self.rows.shape, sorted(self.splits.items(), key=str))).encode())
        # Runs from before there were attributes know their data by the lines above alone.
        if self.attributes is not None:
            digest.update(np.ascontiguousarray(self.attributes).data)
            digest.update(repr(self.attribute_names).encode())
        text: str = digest.hexdigest()
        return text

    def split(self, name: str) -> Self:
        """The rows of one split, without a copy.

        Raises:
            UserError: there is no split of this name, or it is empty.
        """
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise UserError(f"split is {name!r}, but {self.name} has: {known}")
        rows = self.splits[name]
        return self.take(slice(rows.start, rows.stop))

    def take(self, rows: slice | NDArray[np.int64]) -> Self:
        """The rows named, in that order, as one set without splits."""
        whole: Any = self
        taken: Self = replace(
            whole,
            **{self.array: self.rows[rows] if isinstance(rows, slice) else copied(self.rows, rows)},
            labels=None if self.labels is None else self.labels[rows],
            attributes=None if self.attributes is None else self.attributes[rows],
            splits={},
            skipped=(),
            source=None,
        )
        return taken

    def tensors(self) -> tuple[Tensor, Tensor | None]:
        """x of every row as float32, (N, *shape), and `condition`, (N,) or (N, A), or None; images are grey."""
        import torch

        from vaelab.data.binarisation import Grey

        stored, to_x = self.stored(Grey())
        condition = None if self.condition is None else torch.from_numpy(self.condition)
        return to_x(as_tensor(stored)), condition


def as_attributes(values: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as float32; those that float32 cannot hold become infinite, which `Data` refuses."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def held_out(whole: D, share: float = 0.2) -> D:
    """The same data with a test split of `share` of the rows, drawn with a fixed seed so that it is always the same.

    Raises:
        UserError: there are fewer than two rows.

    >>> from vaelab import ImageData
    >>> held_out(ImageData("bars", np.zeros((10, 1, 8, 8), np.uint8))).splits
    {'train': range(0, 8), 'test': range(8, 10)}
    """
    rows = len(whole)
    order, splits = held_out_rows(rows, share)
    if not splits["train"]:
        raise UserError(f"{whole.name}: {rows} {whole.noun}; at least two are needed, one of them for the test split")
    taken: Any = whole.take(order)
    found: D = replace(taken, splits=splits, skipped=whole.skipped)
    return found


def held_out_rows(rows: int, share: float = 0.2) -> tuple[NDArray[np.int64], dict[str, range]]:
    """The order of the rows, drawn with a fixed seed, and the splits of the rows in this order."""
    train = rows - max(1, round(share * rows))
    return np.random.default_rng(0).permutation(rows), {"train": range(train), "test": range(train, rows)}
