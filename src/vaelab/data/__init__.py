"""Data: sources of images, all giving one value type.

A new source is a dataclass in sources.py and a file with the loader.
"""

from __future__ import annotations

from vaelab.data.binarisation import AnyBinarisation, BinarisationSpec, Dynamic, Grey, Static, Threshold
from vaelab.data.images import ImageData, ImageFormat
from vaelab.data.naming import (
    METAVAR,
    AnySource,
    open_data,
    parse_source,
    source_name,
    source_text,
    source_words,
)
from vaelab.data.sources import (
    CelebA,
    Cifar10,
    Digits,
    DSprites,
    Emnist,
    FashionMnist,
    Folder,
    Kmnist,
    Mnist,
    Npz,
    Shapes3D,
    SourceSpec,
    Sprites,
    Stored,
    Strokes,
)

__all__ = [
    "METAVAR",
    "AnyBinarisation",
    "AnySource",
    "BinarisationSpec",
    "CelebA",
    "Cifar10",
    "DSprites",
    "Digits",
    "Dynamic",
    "Emnist",
    "FashionMnist",
    "Folder",
    "Grey",
    "ImageData",
    "ImageFormat",
    "Kmnist",
    "Mnist",
    "Npz",
    "Shapes3D",
    "SourceSpec",
    "Sprites",
    "Static",
    "Stored",
    "Strokes",
    "Threshold",
    "open_data",
    "parse_source",
    "source_name",
    "source_text",
    "source_words",
]
