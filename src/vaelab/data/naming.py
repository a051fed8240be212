"""Names of sources: a word, with an argument if the source takes one (`mnist`, `folder:PATH`, `emnist:letters`)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import tyro

from vaelab.data.arrays import as_data
from vaelab.data.data import Data, held_out
from vaelab.data.in_memory import InMemory
from vaelab.data.reading import as_table, is_table
from vaelab.data.sources import SourceSpec
from vaelab.data.tables import TableData
from vaelab.errors import UserError
from vaelab.named import name_of, parse_named, text_of
from vaelab.spec import words

METAVAR = "SOURCE"


def source_words() -> dict[str, type[SourceSpec]]:
    """Every source of the command line, by the word that names it."""
    named: dict[str, Any] = dict(words(SourceSpec))
    return named


def source_name(source: type[SourceSpec]) -> str:
    """The name of a source on the command line: a word, and its argument, in brackets if it has a default.

    >>> from vaelab import Emnist, Folder, Mnist
    >>> [source_name(source) for source in (Mnist, Folder, Emnist)]
    ['mnist', 'folder:PATH', 'emnist[:SUBSET]']
    """
    return name_of(source)


def parse_source(text: str) -> SourceSpec:
    """The source that `text` names.

    >>> parse_source("folder:holiday/photos")
    Folder(path='holiday/photos', image_size=64, skip_broken=False, max_pixels=100000000)
    >>> parse_source("emnist:letters")
    Emnist(subset='letters')

    Raises:
        UserError: there is no such source, or an argument is missing, unsuitable or too much.
    """
    return parse_named(SourceSpec, text, "data")


def source_text(source: SourceSpec) -> str:
    """The text that `parse_source` reads back, without further fields such as the size of a folder's images."""
    whole = getattr(source, "source", None)  # `Limited` is named by the source that it takes images of
    source = whole if isinstance(whole, SourceSpec) else source
    if isinstance(source, InMemory):
        return source.name
    return text_of(source)


def open_data(source: str | SourceSpec, directory: Path | None = None) -> Data:
    """The images or rows of a source, given as a spec or as text; they know the source that they come from.

    Raises:
        UserError: there is no such source, its files are absent or corrupt, or a foreign source does not return
            `ImageData` or `TableData` with the splits `train` and `test`.

    >>> open_data("digits").images.shape
    (1797, 1, 28, 28)
    """
    spec = parse_source(source) if isinstance(source, str) else source
    data: Any = spec.load(directory)
    name = type(spec).__name__
    if not isinstance(data, Data):
        raise UserError(
            f"{name}.load returned {type(data).__name__}, but must return ImageData, which vaelab.as_data(x, y) makes, "
            "or TableData"
        )
    if not {"train", "test"} <= set(data.splits):
        had = ", ".join(data.splits) or "none"
        raise UserError(f"{name}.load returned data with the splits {had}, but train and test are needed; use as_data")
    loaded: Data = dataclasses.replace(data, source=spec)  # type: ignore[type-var]  # every concrete one is a dataclass
    return loaded


def data_of(data: Any, directory: Path | None = None) -> Data:
    """The data that a user names or gives: a source, its name, `Data`, or what `as_data` or `as_table` takes.

    Raises:
        UserError: as `open_data`, `as_data` and `as_table`.
    """
    if isinstance(data, str | SourceSpec):
        return open_data(data, directory)
    if isinstance(data, TableData):
        return data if {"train", "test"} <= set(data.splits) else held_out(data)
    x, y = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    if is_table(x):
        return as_table(x, y)
    return as_data(*data) if isinstance(data, tuple) and len(data) == 2 else as_data(data)


AnySource = Annotated[
    SourceSpec,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=METAVAR,
        instance_from_str=lambda words: parse_source(words[0]),
        is_instance=lambda value: isinstance(value, SourceSpec),
        str_from_instance=lambda source: [source_text(source)],
    ),
]
