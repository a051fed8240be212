"""The default data of commands: MNIST if this machine has it or can download it, otherwise `Digits`."""

from __future__ import annotations

from pathlib import Path

from vaelab.data import Digits, ImageData, Mnist, SourceSpec, open_data, parse_source
from vaelab.data.store import DataNotFound
from vaelab.errors import UserError

Opened = tuple[SourceSpec, ImageData, str | None]


def open_images(source: SourceSpec, directory: Path | None = None) -> ImageData:
    """The images of a source, for commands that take images only.

    Raises:
        UserError: the source is a table, or as `open_data`.
    """
    data = open_data(source, directory)
    if not isinstance(data, ImageData):
        raise UserError(f"data is {data.name!r}, a table, but this takes images; name a source of images")
    return data


def open_named(text: str, directory: Path | None = None) -> Opened:
    """The source that `text` names, its images, and no notice.

    Raises:
        UserError: as `open_data`.
    """
    source = parse_source(text)
    return source, open_images(source, directory), None


def open_auto(directory: Path | None = None) -> Opened:
    """MNIST, or the digits of scikit-learn if MNIST is missing and cannot be downloaded.

    Returns:
        The source, its images, and, if it is not MNIST, a notice to show with every result.

    Raises:
        UserError: MNIST is corrupt.
    """
    try:
        return Mnist(), open_images(Mnist(), directory), None
    except DataNotFound as error:
        notice = (
            "This is not MNIST but the digits set of scikit-learn (1,797 handwritten digits), since MNIST is missing: "
            f"{error}. Its numbers cannot be compared with the study's."
        )
        return Digits(), open_images(Digits()), notice
