"""Rows of a table in memory, with typed columns, labels, attributes and splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vaelab.data.columns import Column, TableFormat
from vaelab.data.data import Data
from vaelab.errors import UserError, brief
from vaelab.spec import Spec

# The types of columns whose values are numbers, not those of categories.
_NUMBERS = ("real", "count")
# Whole numbers up to this one are exact in float32.
_MOST = 2**24


@dataclass(frozen=True, repr=False)
class TableData(Data):
    """Rows of a table in memory; `vaelab.as_table` makes it from arrays and data frames.

    Args:
        name: the name of the data set, in a word or two.
        values: float64, (N, columns): real numbers, and for other columns the numbers of categories; NaN is missing.
        columns: names, types, categories and the standardisation.
        missing: whether values may be missing. A model of such data is told which ones are.
        labels, classes, splits, skipped, attributes, attribute_names, source: as for `ImageData`.

    Raises:
        UserError: the arrays do not fit together, or a value is infinite, or missing although `missing` is False, or a
            count is no whole number from 0.
    """

    name: str
    values: NDArray[np.float64]
    columns: tuple[Column, ...]
    missing: bool = False
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    splits: Mapping[str, range] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    attributes: NDArray[np.float32] | None = None
    attribute_names: tuple[str, ...] = ()
    source: Spec | None = None
    array: ClassVar[str] = "values"

    def __post_init__(self) -> None:
        self.check_names()
        wanted = (len(self.values), len(self.columns))
        if self.values.dtype != np.float64 or self.values.shape != wanted:
            raise UserError(
                f"{self.name}: values are {self.values.dtype} of shape {self.values.shape}, but must be float64 of "
                f"shape (N, {len(self.columns)})"
            )
        if len(self.values) == 0:
            raise UserError(f"{self.name}: no rows; at least one is needed")
        allowed = ~np.isinf(self.values) if self.missing else np.isfinite(self.values)
        if not allowed.all():
            row, column = np.argwhere(~allowed)[0].tolist()
            value, name = self.values[row, column], self.columns[column].name
            remedy = "leave such rows out" if np.isinf(value) else "say that NaN is missing, with mask='nan'"
            raise UserError(f"{self.name}: row {row}, column {name!r} is {value}, but must be finite; {remedy}")
        for column, values in zip(self.columns, self.values.T, strict=True):
            if column.type == "count":
                _check_counts(self.name, column, values[~np.isnan(values)])
        self.check_conditions()

    @property
    def shape_text(self) -> str:
        """The number of columns, in words."""
        return f"rows of {len(self.columns)} columns"

    @property
    def format(self) -> TableFormat:
        """Columns, classes and attributes."""
        return TableFormat(self.columns, self.missing, self.classes, self.attribute_names)

    @property
    def binary(self) -> bool:
        """Whether x holds only zeros and ones: every column is binary, categorical or ordinal."""
        return all(column.type not in _NUMBERS for column in self.columns)

    @property
    def digest(self) -> str:
        """sha256 over values, columns, labels, splits and attributes: whether two data sets are the same."""
        import hashlib

        return hashlib.sha256(f"{super().digest} {self.columns!r}".encode()).hexdigest()

    def stored(self, binarisation: Any) -> tuple[NDArray[Any], Any]:
        """The vectors x, float32, (N, F), and the identity.

        Raises:
            UserError: a binarisation, which is for images.
        """
        from vaelab.data.binarisation import Grey

        if not isinstance(binarisation, Grey):
            raise UserError(
                f"binarisation is {type(binarisation).__name__}, which is for images, but {self.name} is a table; "
                "leave it out"
            )
        return self.format.encode(self.values), lambda x: x

    def like(self, format: TableFormat) -> TableData:
        """The same rows with the columns, categories and standardisation that a model was trained with.

        Raises:
            UserError: other columns, a category that the model does not know, or a missing value if it knows none.
        """
        names, wanted = [column.name for column in self.columns], [column.name for column in format.columns]
        if names != wanted:
            raise UserError(
                f"{self.name} has the columns {brief(names)}, but the model takes {brief(wanted)}; give these"
            )
        values = np.empty_like(self.values)
        for i, (own, column) in enumerate(zip(self.columns, format.columns, strict=True)):
            numbers = column.type in _NUMBERS
            # Only another order of categories can be taken over; numbers and counts are not those of categories.
            if own.type != column.type and (numbers or own.type in _NUMBERS):
                raise UserError(
                    f"column {own.name!r} is {own.type}, but the model takes it as {column.type}; give it so, with "
                    "types="
                )
            values[:, i] = self.values[:, i] if numbers else _renumbered(self.values[:, i], own, column)
        return replace(self, values=values, columns=format.columns, missing=format.missing)


def _check_counts(name: str, column: Column, values: NDArray[np.float64]) -> None:
    """Check that counts are whole numbers from 0, and exact in float32."""
    wrong = (values < 0) | (values != np.round(values)) | (values > _MOST)
    if wrong.any():
        raise UserError(
            f"{name}: column {column.name!r} has the value {values[wrong][0]:g}, but is a count; give whole numbers "
            f"from 0 to {_MOST}, or make the column real"
        )


def _renumbered(values: NDArray[np.float64], own: Column, column: Column) -> NDArray[np.float64]:
    """Numbers of a column's own categories as numbers of another one's."""
    index = {category: number for number, category in enumerate(column.categories)}
    present = ~np.isnan(values)
    used = {own.categories[int(number)] for number in np.unique(values[present])}
    if unknown := sorted(used - set(index)):
        raise UserError(
            f"column {own.name!r} has the category {unknown[0]!r}, which the training rows do not have "
            f"({brief(list(column.categories))}); leave such rows out, or mark the value as missing"
        )
    found = np.full(len(values), np.nan)
    found[present] = [index[own.categories[int(number)]] for number in values[present]]
    return found
