"""The best data that this machine can have without being asked for anything."""

from __future__ import annotations

from pathlib import Path

from vaelab.data import Digits, ImageData, Mnist, SourceSpec, parse_source
from vaelab.data.mnist import MnistAbsent

Opened = tuple[SourceSpec, ImageData, str | None]


def open_named(text: str, directory: Path | None = None) -> Opened:
    """The source that `text` names and its images; of what was asked for there is nothing to notice.

    Raises:
        UserError: as `parse_source` and the source's own loading.
    """
    source = parse_source(text)
    return source, source.load(directory), None


def open_auto(directory: Path | None = None) -> Opened:
    """MNIST where it is at hand or can be downloaded, otherwise the embedded digits.

    Returns:
        The source, its images, and a notice to show wherever results are shown when it is not MNIST.

    Raises:
        UserError: MNIST is there but corrupt; that is never passed over.
    """
    try:
        return Mnist(), Mnist().load(directory), None
    except MnistAbsent as absent:
        notice = (
            "This is not MNIST but the embedded digits set (1,797 real digits), since MNIST is not at hand: "
            f"{absent}. Its numbers cannot be compared with the study's."
        )
        return Digits(), Digits().load(), notice
