"""The columns of a table, their types, and the vectors x that a model sees in place of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray

from vaelab.data.data import DataFormat
from vaelab.errors import UserError
from vaelab.spec import Spec

ColumnType = Literal["real", "binary", "categorical", "count", "ordinal"]

ONE_HOT: frozenset[ColumnType] = frozenset({"categorical", "ordinal"})
"""The types whose values are the numbers of categories, one-hot in x."""


@dataclass(frozen=True)
class Column(Spec):
    """A column of a table: real numbers, which are standardised, counts, which are not, or two or more categories.

    x = (value - mean) / scale for real numbers, 0 or 1 for a binary column, one-hot for a categorical one and for an
    ordinal one, whose categories are ordered, and the value itself for a count, of which the encoder sees log(1 + x).
    """

    name: str
    type: ColumnType = "real"
    mean: float = 0.0
    """Mean of the training rows, of a real column or of counts; for these a start of the likelihood, 0 if unknown."""
    scale: Annotated[float, Gt(0)] = 1.0
    """Standard deviation of the training rows, of a real column."""
    categories: tuple[str, ...] = ()
    """The values of a column of categories, in the order of their numbers."""

    @property
    def width(self) -> int:
        """Numbers in x: one per category, or one."""
        return len(self.categories) if self.type in ONE_HOT else 1


@dataclass(frozen=True)
class TableFormat(DataFormat):
    """The format of rows of a table that a model is built for; with the columns a model keeps its standardisation.

    >>> columns = (Column("age", mean=40.0, scale=10.0), Column("colour", "categorical", categories=("blue", "red")))
    >>> format = TableFormat(columns)
    >>> format.shape, format.encode(np.array([[50.0, 1.0]])).tolist()
    ((3,), [[1.0, 0.0, 1.0]])
    """

    columns: tuple[Column, ...]
    missing: bool = False
    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    noun: ClassVar[str] = "rows"
    each: ClassVar[str] = "row"

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [column.name for column in self.columns]
        if not names:
            raise UserError("columns is empty, but a table needs at least one column")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"columns has {twice!r} twice; rename one of the two")

    @property
    def shape(self) -> tuple[int]:
        """(F,), the numbers in x."""
        return (sum(column.width for column in self.columns),)

    def slices(self) -> list[tuple[Column, slice]]:
        """Each column, and where it stands in x."""
        found, start = [], 0
        for column in self.columns:
            found.append((column, slice(start, start + column.width)))
            start += column.width
        return found

    @property
    def counts(self) -> list[int]:
        """The places of counts in x."""
        return [where.start for column, where in self.slices() if column.type == "count"]

    def encode(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """x, (N, F), from values (N, columns): real numbers and the numbers of categories; NaN stays NaN.

        Raises:
            UserError: a number is too large for float32.
        """
        x = np.empty((len(values), *self.shape), np.float32)
        for (column, where), each in zip(self.slices(), np.asarray(values, np.float64).T, strict=True):
            if column.type in ONE_HOT:
                x[:, where] = np.where(np.isnan(each)[:, None], np.nan, each[:, None] == np.arange(column.width))
                continue
            with np.errstate(over="ignore"):
                x[:, where.start] = each if column.type == "count" else (each - column.mean) / column.scale
            if np.isinf(x[:, where.start]).any():
                raise UserError(f"column {column.name!r} has values that float32 cannot hold; rescale it")
        return x

    def decode(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """The values, (N, columns), that vectors (N, F) stand for; of a column of categories the likeliest one."""
        x = np.asarray(x, np.float64)
        values = np.empty((len(x), len(self.columns)))
        for i, (column, where) in enumerate(self.slices()):
            part = x[:, where]
            if column.type in ONE_HOT:
                values[:, i] = part.argmax(1)
            else:
                values[:, i] = part[:, 0] if column.type == "count" else part[:, 0] * column.scale + column.mean
        return values

    def log_scale(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """log |dvalue / dx| of each row, nats, (N,), over the observed columns: log p(value) = log p(x) - log_scale."""
        scales = np.log([column.scale for column in self.columns])
        found: NDArray[np.float64] = np.where(np.isnan(values), 0.0, scales).sum(1)
        return found
