"""EMNIST, in MNIST's format except for the orientation of its images and the numbers of its classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vaelab.data.idx import read_splits
from vaelab.data.images import ImageData
from vaelab.data.sources import Stored
from vaelab.data.store import Download, FileSet, corrupt

# The address and the md5 are those of torchvision, https://github.com/pytorch/vision, torchvision/datasets/mnist.py.
ARCHIVE = Download(
    "gzip.zip",
    ("https://biometrics.nist.gov/cs_links/EMNIST/",),
    "md5:58c8d27c78d21e728a6bc7b3cc06412e",
    archive=True,
)


@dataclass(frozen=True)
class Emnist(Stored):
    """Up to 814,255 digits and letters of Cohen et al. (2017), 28 x 28, grey; six subsets."""

    subset: Literal["balanced", "byclass", "bymerge", "letters", "digits", "mnist"] = "balanced"
    """Which of the six divisions into classes and splits."""

    def files(self) -> FileSet:
        """The files of this subset; one archive holds those of all six."""
        stem = f"emnist-{self.subset}"
        return FileSet(
            title="EMNIST",
            kind="emnist",
            names=(
                f"{stem}-train-images-idx3-ubyte.gz",
                f"{stem}-train-labels-idx1-ubyte.gz",
                f"{stem}-test-images-idx3-ubyte.gz",
                f"{stem}-test-labels-idx1-ubyte.gz",
                f"{stem}-mapping.txt",
            ),
            page="https://www.nist.gov/itl/products-and-services/emnist-dataset",
            downloads=(ARCHIVE,),
            # Unpacked by hand, the archive makes the folder `gzip`.
            subfolders=("emnist", "emnist/gzip"),
        )

    def read(self, directory: Path) -> ImageData:
        """The digits and letters of NIST's Special Database 19, upright, with labels that count from 0.

        The files hold every image transposed. Labels count from 0, also if those of the files count from 1. The file
        `...-mapping.txt` gives the character codes of each label; the characters are the name of the class, such as
        "7", or "Aa" for a class of capital and small letters.

        Raises:
            DataNotFound: a file is missing.
            UserError: a file is corrupt.
        """
        files = self.files()
        images, labels, splits = read_splits(files, directory)
        path, text = files.read(directory, files.names[4])
        try:
            rows = sorted([int(word) for word in line.split()] for line in text.decode().splitlines() if line.strip())
            numbers = np.array([number for number, *_ in rows])
            classes = tuple("".join(map(chr, codes)) for _, *codes in rows)
        except (ValueError, OverflowError) as error:
            raise corrupt(path, error) from None
        unknown = np.setdiff1d(labels, numbers)
        if len(unknown):
            raise corrupt(path, f"it does not name class {unknown[0]}, but there are labels of it")
        upright = np.ascontiguousarray(images.swapaxes(2, 3))
        return ImageData(f"emnist:{self.subset}", upright, np.searchsorted(numbers, labels), classes, splits)
