"""Tables in files: CSV and Parquet, read by pyarrow, with typed columns and missing values."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from vaelab.data.data import held_out
from vaelab.data.reading import read_table, standardised
from vaelab.data.sources import SourceSpec
from vaelab.data.tables import TableData
from vaelab.errors import UserError, brief, did_you_mean


class TableFile(SourceSpec):
    """Base of the files that hold a table: its columns have types, and an empty cell is missing."""

    path: str
    label: str | None
    categorical: tuple[str, ...]
    count: tuple[str, ...]
    ordinal: tuple[str, ...]
    drop: tuple[str, ...]

    @abstractmethod
    def read(self, path: Path) -> Any:
        """The table of a file, as Arrow holds it."""

    def load(self, directory: Path | None = None) -> TableData:
        """The rows, standardised by those of the training split; a fifth of them, always the same, is the test split.

        Numbers are real unless all are 0 or 1; booleans are binary and text is categorical. Where a cell is empty, the
        model is told which values are missing.

        Raises:
            UserError: the file does not exist or cannot be read, a column that it does not have or that is given two
                types, a row without a label, or a column that no model can take.
        """
        path = Path(self.path)
        if not path.is_file():
            raise UserError(f"{path} does not exist; name a file of rows and columns")
        try:
            import pyarrow as pa
        except ImportError:
            raise UserError(
                f"data is {self.kind!r}, which is read with pyarrow; install it: pip install 'vaelab[tables]'"
            ) from None
        try:
            table = self.read(path)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path} cannot be read as {self.kind} ({' '.join(str(error).split())})") from None
        names = table.column_names
        typed = {"categorical": self.categorical, "count": self.count, "ordinal": self.ordinal}
        for name in (*self.drop, *chain(*typed.values()), *(() if self.label is None else (self.label,))):
            if name not in names:
                near = did_you_mean(name, names)
                raise UserError(f"{path} has no column {name!r}, but has {brief(names)}; name one of these{near}")
        if table.num_rows < 2:
            raise UserError(
                f"{path} has {table.num_rows} rows; at least two are needed, one of them for the test split"
            )
        y = None if self.label is None else _labels(table[self.label], path, self.label)
        kept = [name for name in names if name not in self.drop and name != self.label]
        if not kept:
            raise UserError(f"{path} has no column left to model; drop fewer")
        types: Any = {}
        for kind, columns in typed.items():
            for column in columns:
                if column in types:
                    raise UserError(
                        f"{self.kind}.{kind} has {column!r}, which is {types[column]} as well; name it once"
                    )
                types[column] = kind
        whole = read_table(table.select(kept), y, types, "nan", name=f"{self.kind}:{path}")
        # Only a table with an empty cell has missing values.
        return standardised(held_out(replace(whole, missing=bool((whole.values != whole.values).any()))))


@dataclass(frozen=True)
class Csv(TableFile):
    """A table in a CSV file with a header; empty cells are missing values."""

    path: str
    label: str | None = None
    """The column of labels; None for unlabelled rows."""
    categorical: tuple[str, ...] = ()
    """Columns of numbers that stand for categories."""
    count: tuple[str, ...] = ()
    """Columns of counts, whole numbers from 0, which are not standardised."""
    ordinal: tuple[str, ...] = ()
    """Columns of numbers that stand for ordered categories."""
    drop: tuple[str, ...] = ()
    """Columns to leave out."""

    def read(self, path: Path) -> Any:
        """The table of a file, as Arrow holds it."""
        from pyarrow import csv

        return csv.read_csv(path, convert_options=csv.ConvertOptions(strings_can_be_null=True))


@dataclass(frozen=True)
class Parquet(TableFile):
    """A table in a Parquet file; nulls are missing values."""

    path: str
    label: str | None = None
    """The column of labels; None for unlabelled rows."""
    categorical: tuple[str, ...] = ()
    """Columns of numbers that stand for categories."""
    count: tuple[str, ...] = ()
    """Columns of counts, whole numbers from 0, which are not standardised."""
    ordinal: tuple[str, ...] = ()
    """Columns of numbers that stand for ordered categories."""
    drop: tuple[str, ...] = ()
    """Columns to leave out."""

    def read(self, path: Path) -> Any:
        """The table of a file, as Arrow holds it."""
        from pyarrow import parquet

        return parquet.read_table(path)


def _labels(column: Any, path: Path, name: str) -> list[Any]:
    """The labels of all rows, as text unless they are whole numbers from 0 on."""
    values = column.to_pylist()
    if None in values:
        raise UserError(f"{path}: row {values.index(None)} has no label in column {name!r}; fill it in or leave it out")
    numbers = all(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10_000 for value in values)
    return values if numbers else [str(value) for value in values]
