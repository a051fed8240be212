"""A user's table as `TableData`: arrays, tensors, data frames, Arrow tables and dictionaries of columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaelab.data.columns import Column, ColumnType, TableFormat
from vaelab.data.conditions import condition_fields
from vaelab.data.data import held_out
from vaelab.data.tables import TableData
from vaelab.errors import UserError, brief

_TYPES = ("real", "binary", "categorical", "count", "ordinal")


def as_table(
    x: Any,
    y: Any = None,
    *,
    types: Mapping[str, ColumnType | Sequence[Any]] | None = None,
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
            columns. Numbers are real, unless they are 0 and 1 alone, which makes a column binary, as booleans do; text
            makes it categorical.
        y: labels, integers that number the classes from 0 or text, (N,); or attributes, floats, (N, A).
        types: "real", "binary", "categorical", "count" or "ordinal" by the name of a column, where it is not as above;
            or the categories of an ordinal column in their order, such as ("small", "large"), which text does not have
            by itself. Columns of an array are named "0", "1", ...
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
    types: Mapping[str, ColumnType | Sequence[Any]] | None = None,
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
    """The same rows with means and scales of the training split for its real columns, and the means of counts.

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
        elif column.type == "count":
            fitted.append(replace(column, mean=float(observed.mean())))
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
        values = values.to_pylist()
    try:
        # A list as it is: NumPy would turn numbers beside text into text.
        flat = isinstance(values, list) and not any(isinstance(value, list | tuple) for value in values)
        return np.array(values, dtype=object) if flat else np.asarray(values)
    except ValueError:
        raise UserError("x is a list of rows of different lengths; give one value per column") from None


def _column(
    name: str, values: NDArray[Any], wanted: ColumnType | Sequence[Any] | None, known: Column | None
) -> tuple[Column, NDArray[np.float64]]:
    """A column's type and categories, and its values as numbers; NaN is missing."""
    order: tuple[str, ...] = ()
    if isinstance(wanted, list | tuple):
        wanted, order = "ordinal", tuple(map(_spelled, wanted))
    if wanted is not None and wanted not in _TYPES:
        raise UserError(f"types gives {name!r} the type {wanted!r}, but must give one of {', '.join(_TYPES)}")
    if values.dtype.kind in "mM":  # times, which `tolist` may turn into whole numbers of nanoseconds
        raise UserError(
            f"column {name!r} holds {values.dtype}, but must hold numbers, booleans or text; convert or drop it"
        )
    given = values.tolist()
    absent = np.array([_is_missing(value) for value in given], bool)
    present = [value for value, is_absent in zip(given, absent, strict=True) if not is_absent]
    strange = next((value for value in present if not isinstance(value, bool | int | float | str)), None)
    if strange is not None or values.ndim != 1:
        kind = values.dtype if strange is None else type(strange).__name__
        raise UserError(f"column {name!r} holds {kind}, but must hold numbers, booleans or text; convert or drop it")
    chosen: Any = (known.type if known is not None else None) or wanted or _type_of(present)
    numbers = np.full(len(values), np.nan)
    text = next((value for value in present if isinstance(value, str)), None)
    if chosen in ("real", "count"):
        if text is not None:
            raise UserError(f"column {name!r} holds the text {text!r}, but is {chosen}; give numbers, or another type")
        numbers[~absent] = np.asarray(present, np.float64)
        return Column(name, chosen), numbers
    spelled = [_spelled(value) for value in present]
    if chosen == "ordinal" and known is None and text is not None and not order:
        raise UserError(
            f"column {name!r} holds the text {text!r}, but is ordinal, and text has no order; name its categories in "
            f"their order, as in types={{{name!r}: ('small', 'large')}}"
        )
    if order and (unknown := sorted({*spelled} - {*order})):
        raise UserError(
            f"column {name!r} has the category {unknown[0]!r}, but types names {brief(list(order))}; name all of them"
        )
    categories = order or _categories(present)
    if chosen == "binary" and known is None:
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
    return Column(name, chosen, categories=categories), numbers


def _is_missing(value: Any) -> bool:
    """Whether a value is None, NaN or pandas' NA or NaT."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in ("<NA>", "NaT")


def _type_of(present: list[Any]) -> ColumnType:
    if any(isinstance(value, str) for value in present):
        return "categorical"
    numbers = {*present}
    return "binary" if numbers == {0, 1} or all(isinstance(value, bool) for value in present) else "real"


def _categories(present: list[Any]) -> tuple[str, ...]:
    """The categories in the order of their values; numbers before text."""
    ordered = sorted(set(present), key=lambda value: (isinstance(value, str), value))
    return tuple(dict.fromkeys(map(_spelled, ordered)))


def _spelled(value: Any) -> str:
    """A value as the name of a category; 1, 1.0 and True are the same one."""
    return value if isinstance(value, str) else str(int(value)) if value == int(value) else repr(value)


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
