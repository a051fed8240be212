"""Data: sources of pictures, all giving one value type.

A source is named by a word (`mnist`, `digits`, `auto`) or by a word and a path (`folder:PATH`, `npz:PATH`).
Adding one is a dataclass here, which reads as its own documentation, and a file with the loader.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro
from annotated_types import Ge
from pydantic import Field

from vaelab.data.binarisation import Binarisation, Dynamic, Grey, Static, Threshold
from vaelab.data.images import ImageData, ImageFormat
from vaelab.errors import UserError
from vaelab.piece import Piece, Tag


@dataclass(frozen=True)
class Mnist(Piece):
    """The 70,000 digits of LeCun, Cortes and Burges (1998), 28 x 28, grey; downloaded where not at hand."""

    kind: Tag[Literal["mnist"]] = field(default="mnist", repr=False, kw_only=True)

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures, verified by content; `directory` is the folder of data sets."""
        from vaelab.data.directory import data_directory
        from vaelab.data.mnist import load_mnist

        return load_mnist(data_directory(directory))


@dataclass(frozen=True)
class Digits(Piece):
    """1,797 real digits embedded in scikit-learn, brought to 28 x 28; no download."""

    kind: Tag[Literal["digits"]] = field(default="digits", repr=False, kw_only=True)

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures."""
        from vaelab.data.digits import load_digits

        return load_digits()


@dataclass(frozen=True)
class Folder(Piece):
    """Pictures of your own, grey or RGB, any size; class subfolders optional."""

    path: str
    image_size: Annotated[int, Ge(4)] = 64
    """Height and width, in pixels, that every picture is brought to."""
    skip_broken: bool = False
    """Leave out pictures that cannot be decoded, instead of refusing the folder."""
    kind: Tag[Literal["folder"]] = field(default="folder", repr=False, kw_only=True)

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures, decoded and resized."""
        from vaelab.data.folder import load_folder

        return load_folder(Path(self.path), self.image_size, self.skip_broken)


@dataclass(frozen=True)
class Npz(Piece):
    """A NumPy archive with an array `images` (uint8) and, optionally, `labels`."""

    path: str
    kind: Tag[Literal["npz"]] = field(default="npz", repr=False, kw_only=True)

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures, read without unpickling."""
        from vaelab.data.npz import load_npz

        return load_npz(Path(self.path))


Source = Annotated[Mnist | Digits | Folder | Npz, Field(discriminator="kind")]
SOURCES: tuple[type[Source], ...] = get_args(get_args(Source)[0])


def source_name(source: type[Source]) -> str:
    """How a source is named on the command line: a word, and `:PATH` where it takes one."""
    fields = source.__dataclass_fields__
    return str(fields["kind"].default) + (":PATH" if "path" in fields else "")


METAVAR = "|".join(map(source_name, SOURCES))


def parse_source(text: str) -> Source:
    """The source that `text` names.

    >>> parse_source("folder:holiday/pictures")
    Folder(path='holiday/pictures', image_size=64, skip_broken=False)

    Raises:
        UserError: there is no such source, or a path is missing or too much.
    """
    word, _, path = text.partition(":")
    for source in SOURCES:
        if source_name(source) == (f"{word}:PATH" if path else text):
            made: Source = source(path) if path else source()  # type: ignore[call-arg,arg-type]
            return made
    raise UserError(f"data is {text!r}, but must be one of {METAVAR.replace('|', ', ')}")


def source_text(source: Source) -> str:
    """The text that `parse_source` reads back, but for the size of a folder's pictures."""
    path = getattr(source, "path", None)
    return source.kind if path is None else f"{source.kind}:{path}"


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

__all__ = [
    "SOURCES",
    "Binarisation",
    "Digits",
    "Dynamic",
    "Folder",
    "Grey",
    "ImageData",
    "ImageFormat",
    "Mnist",
    "Npz",
    "Source",
    "SourceFlag",
    "Static",
    "Threshold",
    "open_data",
    "parse_source",
    "source_name",
    "source_text",
]
