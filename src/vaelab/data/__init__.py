"""Data: sources of pictures, all giving one value type.

Adding a source is a dataclass in sources.py and a file with the loader; naming.py makes it known on the command line.
"""

from __future__ import annotations

from vaelab.data.binarisation import Binarisation, Dynamic, Grey, Static, Threshold
from vaelab.data.images import ImageData, ImageFormat
from vaelab.data.naming import METAVAR, SourceFlag, open_data, parse_source, source_name, source_text
from vaelab.data.sources import (
    SOURCES,
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
    Source,
    Sprites,
    Stored,
    Strokes,
)

__all__ = [
    "METAVAR",
    "SOURCES",
    "Binarisation",
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
    "Source",
    "SourceFlag",
    "Sprites",
    "Static",
    "Stored",
    "Strokes",
    "Threshold",
    "open_data",
    "parse_source",
    "source_name",
    "source_text",
]
