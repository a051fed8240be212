"""Sources by name: a word, with an argument where it takes one (`mnist`, `folder:PATH`, `emnist:letters`)."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro

from vaelab.data.images import ImageData
from vaelab.data.sources import SOURCES, Source
from vaelab.errors import UserError


def _argument(source: type[Source]) -> Field[Any] | None:
    """The field that a source's name may carry after a colon: its first text."""
    hints = get_type_hints(source)

    def is_text(hint: Any) -> bool:
        return hint is str or (
            get_origin(hint) is Literal and all(isinstance(choice, str) for choice in get_args(hint))
        )

    return next((entry for entry in fields(source) if entry.name != "kind" and is_text(hints[entry.name])), None)


def _word(source: type[Source]) -> str:
    return str(source.__dataclass_fields__["kind"].default)


def source_name(source: type[Source]) -> str:
    """How a source is named on the command line: a word, and its argument, in brackets where it has a default.

    >>> from vaelab import Emnist, Folder, Mnist
    >>> [source_name(source) for source in (Mnist, Folder, Emnist)]
    ['mnist', 'folder:PATH', 'emnist[:SUBSET]']
    """
    argument = _argument(source)
    if argument is None:
        return _word(source)
    shown = f":{argument.name.upper()}"
    return _word(source) + (shown if argument.default is MISSING else f"[{shown}]")


METAVAR = "|".join(map(source_name, SOURCES))


def parse_source(text: str) -> Source:
    """The source that `text` names.

    >>> parse_source("folder:holiday/pictures")
    Folder(path='holiday/pictures', image_size=64, skip_broken=False)
    >>> parse_source("emnist:letters")
    Emnist(subset='letters')

    Raises:
        UserError: there is no such source, or an argument is missing, unsuitable or too much.
    """
    word, colon, value = text.partition(":")
    for source in SOURCES:
        if _word(source) == word:
            argument = _argument(source)
            optional = argument is None or argument.default is not MISSING
            if argument is not None and value:
                given: dict[str, Any] = {argument.name: value}
                return source(**given)
            if optional and not colon:
                return source()  # type: ignore[call-arg]
    raise UserError(f"data is {text!r}, but must be one of {METAVAR.replace('|', ', ')}")


def source_text(source: Source) -> str:
    """The text that `parse_source` reads back, but for further fields such as the size of a folder's pictures."""
    argument = _argument(type(source))
    if argument is None or getattr(source, argument.name) == argument.default:
        return source.kind
    return f"{source.kind}:{getattr(source, argument.name)}"


def open_data(source: str | Source, directory: Path | None = None) -> ImageData:
    """The pictures of a source, given as a piece or as text.

    Raises:
        UserError: there is no such source, or its files are absent or corrupt.

    >>> open_data("digits").images.shape
    (1797, 1, 28, 28)
    """
    return (parse_source(source) if isinstance(source, str) else source).load(directory)


SourceFlag = Annotated[
    Source,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=METAVAR,
        instance_from_str=lambda words: parse_source(words[0]),
        is_instance=lambda value: isinstance(value, SOURCES),
        str_from_instance=lambda source: [source_text(source)],
    ),
]
