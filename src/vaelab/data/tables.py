"""Rows of a table in memory, and how a user's table becomes one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vaelab.data.columns import Column, ColumnType, TableFormat
from vaelab.data.conditions import condition_fields
from vaelab.data.data import Data, held_out
from vaelab.errors import UserError, brief
from vaelab.spec import Spec

_TYPES = ("real", "binary", "categorical")


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
        UserError: the arrays do not fit together, or a value is infinite, or missing although `missing` is False.
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
        """Whether all columns are binary or categorical."""
        return all(column.type != "real" for column in self.columns)

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
            if (own.type == "real") != (column.type == "real"):
                raise UserError(
                    f"column {own.name!r} is {own.type}, but the model takes it as {column.type}; give it so, with "
                    "types="
                )
            values[:, i] = self.values[:, i] if own.type == "real" else _renumbered(self.values[:, i], own, column)
        return replace(self, values=values, columns=format.columns, missing=format.missing)


def as_table(
    x: Any,
    y: Any = None,
    *,
    types: Mapping[str, ColumnType] | None = None,
    mask: Any = None,
    columns: Sequence[Column] = (),
    test: float = 0.2,
    classes: Sequence[str] = (),
    attribute_names: Sequence[str] = (),
    name: str = "in memory",
) -> TableData:
    """A user's table as `TableData`, standardised by its training rows, with a training and a test split.

    Args:
        x: numbers, (N, F), as an array or a tensor; or a data frame (pandas, polars), an Arrow table or a dictionary of
            columns. Numbers are real, unless all are 0 or 1, which makes a column binary, as booleans do; text makes it
            categorical.
        y: labels, integers that number the classes from 0 or text, (N,); or attributes, floats, (N, A).
        types: "real", "binary" or "categorical" by the name of a column, where it is not as above. Columns of an array
            are named "0", "1", ...
        mask: True where a value was observed, (N, F); or "nan": what is NaN, None or NA is missing. Without it a
            missing value is refused.
        columns: the columns of earlier data, with their categories and standardisation, instead of the table's own.
        test: the share of rows held out, drawn with a fixed seed.
        classes: names of the classes, in the order of their numbers.
        attribute_names: one name per attribute.
        name: the name of the data set in titles and records.

    Raises:
        UserError: a column of other values, a value missing without a mask or infinite, a real column of zero variance,
            or labels of mixed types or another number.

    >>> as_table({"age": [31.0, 45.0, 52.0], "colour": ["red", "red", "blue"]}, test=0.4, name="people")
    TableData people: 3 rows of 2 columns, train 2, test 1
    """
    if not isinstance(test, int | float) or isinstance(test, bool) or not 0 < test < 1:
        raise UserError(f"test is {brief(test)}, but must be a share of the rows between 0 and 1")
    whole = held_out(read_table(x, y, types, mask, columns, classes, attribute_names, name), test)
    return whole if columns else standardised(whole)


def read_table(
    x: Any,
    y: Any = None,
    types: Mapping[str, ColumnType] | None = None,
    mask: Any = None,
    columns: Sequence[Column] = (),
    classes: Sequence[str] = (),
    attribute_names: Sequence[str] = (),
    name: str = "in memory",
) -> TableData:
    """A user's table as it is, without splits and standardisation; the arguments are those of `as_table`."""
    read = _columns_of(x)
    known = {column.name: column for column in columns}
    for given in types or {}:
        if given not in read:
            raise UserError(f"types names the column {given!r}, but there are {brief(list(read))}; name one of these")
    found = [
        _column(title, values, None if types is None else types.get(title), known.get(title))
        for title, values in read.items()
    ]
    values = np.stack([values for _, values in found], 1)
    if mask is not None and not (isinstance(mask, str) and mask == "nan"):
        values = _masked(values, mask)
    table = TableData(
        name,
        values,
        tuple(column for column, _ in found),
        missing=mask is not None,
        **condition_fields(y, classes, attribute_names),
    )
    return table if not columns else table.like(TableFormat(tuple(columns), mask is not None))


def standardised(data: TableData) -> TableData:
    """The same rows with means and scales of the training split for its real columns.

    Raises:
        UserError: a real column has zero variance or no value.
    """
    train = data.split("train").values if "train" in data.splits else data.values
    fitted = []
    for column, values in zip(data.columns, train.T, strict=True):
        observed = values[~np.isnan(values)]
        if not len(observed):
            raise UserError(f"column {column.name!r} has no value in the training rows; leave it out")
        if column.type == "real":
            mean, scale = float(observed.mean()), float(observed.std())
            # Rounding alone gives a constant column a small deviation.
            if not scale > 1e-12 * max(1.0, abs(mean)) or (observed == observed[0]).all():
                raise UserError(
                    f"column {column.name!r} has zero variance: it is {observed[0]:g} in every training row; leave it "
                    "out"
                )
            fitted.append(replace(column, mean=mean, scale=scale))
        else:
            fitted.append(column)
    return replace(data, columns=tuple(fitted))


def is_table(x: Any) -> bool:
    """Whether this is a table rather than images: a data frame, an Arrow table, or real numbers of shape (N, F)."""
    if (hasattr(x, "columns") and hasattr(x, "dtypes")) or (hasattr(x, "column_names") and hasattr(x, "schema")):
        return True
    return getattr(x, "ndim", 0) == 2 and str(getattr(x, "dtype", "")).removeprefix("torch.").startswith("float")


def _columns_of(x: Any) -> dict[str, NDArray[Any]]:
    """The columns of a table by their names."""
    if hasattr(x, "toarray"):
        raise UserError("x is a sparse matrix, but must be dense; use x.toarray()")
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        x = (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()
    names = getattr(x, "column_names", None) if hasattr(x, "column_names") else getattr(x, "columns", None)
    if isinstance(x, Mapping):
        names = list(x)
    if names is not None:
        table = {str(name): _array(x[name]) for name in list(names)}
        if len(table) < len(list(names)):
            raise UserError("x has two columns of one name; rename one of the two")
        if len({len(values) for values in table.values()}) > 1:
            raise UserError("x has columns of different lengths; give one value per row")
    else:
        array = _array(x)
        if array.ndim != 2:
            raise UserError(f"x has shape {array.shape}, but a table must be (N, F), one row per example")
        table = {str(number): array[:, number] for number in range(array.shape[1])}
    if not table:
        raise UserError("x has no columns; a table needs at least one")
    return table


def _array(values: Any) -> NDArray[Any]:
    if hasattr(values, "to_pylist"):  # a column of Arrow
        values = np.array(values.to_pylist(), dtype=object)
    try:
        return np.asarray(values)
    except ValueError:
        raise UserError("x is a list of rows of different lengths; give one value per column") from None


def _column(
    name: str, values: NDArray[Any], wanted: ColumnType | None, known: Column | None
) -> tuple[Column, NDArray[np.float64]]:
    """A column's type and categories, and its values as numbers; NaN is missing."""
    if wanted is not None and wanted not in _TYPES:
        raise UserError(f"types gives {name!r} the type {wanted!r}, but must give one of {', '.join(_TYPES)}")
    given = values.tolist()
    absent = np.array([_is_missing(value) for value in given], bool)
    present = [value for value, is_absent in zip(given, absent, strict=True) if not is_absent]
    strange = next((value for value in present if not isinstance(value, bool | int | float | str)), None)
    if strange is not None or values.ndim != 1:
        kind = values.dtype if strange is None else type(strange).__name__
        raise UserError(f"column {name!r} holds {kind}, but must hold numbers, booleans or text; convert or drop it")
    kind = (known.type if known is not None else None) or wanted or _type_of(present)
    numbers = np.full(len(values), np.nan)
    if kind == "real":
        text = next((value for value in present if isinstance(value, str)), None)
        if text is not None:
            raise UserError(f"column {name!r} holds the text {text!r}, but is real; give numbers, or another type")
        numbers[~absent] = np.asarray(present, np.float64)
        return Column(name), numbers
    spelled = [_spelled(value) for value in present]
    order = getattr(values, "categories", None)
    categories = tuple(order) if order is not None else _categories(present)
    if kind == "binary" and known is None:
        if len(categories) > 2:
            raise UserError(
                f"column {name!r} has {len(categories)} values, but is binary; give it two, or another type"
            )
        if set(categories) <= {"0", "1"}:
            categories = ("0", "1")
        elif len(categories) == 1:
            raise UserError(f"column {name!r} is {categories[0]!r} in every row, but is binary; leave it out")
    if known is None and not categories:
        raise UserError(f"column {name!r} has no value; leave it out")
    index = {category: number for number, category in enumerate(categories)}
    numbers[~absent] = [index[value] for value in spelled]
    return Column(name, kind, categories=categories), numbers


def _is_missing(value: Any) -> bool:
    """Whether a value is None, NaN or pandas' NA or NaT."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in ("<NA>", "NaT")


def _type_of(present: list[Any]) -> ColumnType:
    if any(isinstance(value, str) for value in present):
        return "categorical"
    return "binary" if present and set(present) <= {0, 1} else "real"


def _categories(present: list[Any]) -> tuple[str, ...]:
    """The categories in the order of their values; numbers before text."""
    ordered = sorted(set(present), key=lambda value: (isinstance(value, str), value))
    return tuple(dict.fromkeys(map(_spelled, ordered)))


def _spelled(value: Any) -> str:
    """A value as the name of a category; 1, 1.0 and True are the same one."""
    return value if isinstance(value, str) else str(int(value)) if value == int(value) else repr(value)


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


def _masked(values: NDArray[np.float64], mask: Any) -> NDArray[np.float64]:
    """The values with NaN where they were not observed."""
    observed = np.asarray(mask)
    if observed.shape != values.shape or observed.dtype != bool:
        raise UserError(
            f"mask is {observed.dtype} of shape {observed.shape}, but must be bool of shape {values.shape}, True where "
            "a value was observed, or 'nan'"
        )
    if np.isnan(values[observed]).any():
        row, column = np.argwhere(observed & np.isnan(values))[0].tolist()
        raise UserError(f"mask[{row}, {column}] is True, but the value is missing; set it to False")
    return np.where(observed, values, np.nan)
