"""Names of sources: a word, with an argument if the source takes one (`mnist`, `folder:PATH`, `emnist:letters`)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import tyro

from vaelab.data.arrays import as_data
from vaelab.data.data import Data, held_out
from vaelab.data.in_memory import InMemory
from vaelab.data.reading import as_table, is_table
from vaelab.data.sources import SourceSpec
from vaelab.data.tables import TableData
from vaelab.errors import UserError, did_you_mean
from vaelab.spec import spec_hints, words

METAVAR = "SOURCE"


def _argument(source: type[SourceSpec]) -> dataclasses.Field[Any] | None:
    """The field that follows the colon in a source's name: its first text field."""
    hints = spec_hints(source)

    def is_text(hint: Any) -> bool:
        return hint is str or (
            get_origin(hint) is Literal and all(isinstance(choice, str) for choice in get_args(hint))
        )

    fields = dataclasses.fields(source)  # type: ignore[arg-type]  # every concrete spec is a dataclass
    return next((field for field in fields if is_text(hints[field.name])), None)


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
    word = next((word for word, known in source_words().items() if known is source), source.kind)
    argument = _argument(source)
    if argument is None:
        return word
    shown = f":{argument.name.upper()}"
    return word + (shown if argument.default is dataclasses.MISSING else f"[{shown}]")


def parse_source(text: str) -> SourceSpec:
    """The source that `text` names.

    >>> parse_source("folder:holiday/photos")
    Folder(path='holiday/photos', image_size=64, skip_broken=False, max_pixels=100000000)
    >>> parse_source("emnist:letters")
    Emnist(subset='letters')

    Raises:
        UserError: there is no such source, or an argument is missing, unsuitable or too much.
    """
    known = source_words()
    # A foreign source whose word is taken is named `package.module:Class`, so the longest word counts.
    for word in sorted(known, key=len, reverse=True):
        if text == word or text.startswith(f"{word}:"):
            source, value = known[word], text[len(word) + 1 :]
            argument = _argument(source)
            if argument is not None and value:
                given: dict[str, Any] = {argument.name: value}
                return source(**given)
            if text == word and (argument is None or argument.default is not dataclasses.MISSING):
                return source()
    names = ", ".join(source_name(source) for source in known.values())
    hint = did_you_mean(text.partition(":")[0], set(known) - {text.partition(":")[0]})
    raise UserError(f"data is {text!r}, but must be one of {names}{hint}")


def source_text(source: SourceSpec) -> str:
    """The text that `parse_source` reads back, without further fields such as the size of a folder's images."""
    whole = getattr(source, "source", None)  # `Limited` is named by the source that it takes images of
    source = whole if isinstance(whole, SourceSpec) else source
    if isinstance(source, InMemory):
        return source.name
    word = next((word for word, known in source_words().items() if known is type(source)), source.kind)
    argument = _argument(type(source))
    if argument is None or getattr(source, argument.name) == argument.default:
        return word
    return f"{word}:{getattr(source, argument.name)}"


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
