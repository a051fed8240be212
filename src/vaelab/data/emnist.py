"""EMNIST, in MNIST's format but for its orientation and its class numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vaelab.data.idx import read_splits
from vaelab.data.images import ImageData
from vaelab.data.store import Download, FileSet, corrupt

# The address and the md5 are those of torchvision, https://github.com/pytorch/vision, torchvision/datasets/mnist.py.
ARCHIVE = Download(
    "gzip.zip",
    ("https://biometrics.nist.gov/cs_links/EMNIST/",),
    "md5:58c8d27c78d21e728a6bc7b3cc06412e",
    archive=True,
)


def emnist_files(subset: str) -> FileSet:
    """The files of one subset; they are fetched together with those of all others, in one archive."""
    stem = f"emnist-{subset}"
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
        # The archive unpacks into a folder of its own.
        places=("emnist", "emnist/gzip"),
    )


def load_emnist(directory: Path, subset: str) -> ImageData:
    """Handwritten digits and letters of NIST's Special Database 19 (Cohen et al. 2017), 28 x 28, grey.

    The files hold every image transposed; here they stand upright. The file `...-mapping.txt` gives, for each
    label, the character codes that it stands for; those characters are the name of the class, such as "7", or "Aa"
    where capital and small letters are one class. Labels are numbered from 0, also where the files begin with 1.

    Raises:
        UserError: a file is missing or corrupt.
    """
    files = emnist_files(subset)
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
        raise corrupt(path, f"it names no class {unknown[0]}, but there are such labels")
    upright = np.ascontiguousarray(images.swapaxes(2, 3))
    return ImageData(f"emnist:{subset}", upright, np.searchsorted(numbers, labels), classes, splits)
