"""MNIST, from files at hand or from a mirror, always verified by content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vaelab.data.fetching import fetch
from vaelab.data.idx import load_idx
from vaelab.data.images import ImageData
from vaelab.data.store import Absent, Download, FileSet

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# sha256 of the decompressed files: mirrors differ in how they compress, never in what.
CONTENT = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

# MNIST is neither at hand nor can it be downloaded.
MnistAbsent = Absent


def mnist_files(mirrors: Sequence[str] = MIRRORS) -> FileSet:
    """The four files, looked for in the folder of data sets and in its subfolder `mnist`."""
    return FileSet(
        title="MNIST",
        kind="mnist",
        names=tuple(f"{name}.gz" for name in CONTENT),
        page="http://yann.lecun.com/exdb/mnist/",
        downloads=tuple(
            Download(f"{name}.gz", tuple(mirrors), f"sha256:{digest}", of_content=True)
            for name, digest in CONTENT.items()
        ),
        places=("mnist", ""),
        by_hand="put the four files into a folder and name it with --data-dir or VAELAB_DATA",
    )


def load_mnist(directory: Path, download: bool = True) -> ImageData:
    """The 60,000 training and 10,000 test digits of LeCun, Cortes and Burges (1998), 28 x 28, grey.

    Args:
        directory: the folder of data sets; the four files are looked for in it and in its subfolder
            `mnist`, gzipped or not.
        download: fetch missing files into `directory`/mnist.

    Raises:
        MnistAbsent: files are missing and cannot be downloaded.
        UserError: a file is corrupt.
    """
    if download and not mnist_at_hand(directory):
        fetch_mnist(directory)
    return load_idx(mnist_files(), directory, tuple("0123456789"))


def mnist_at_hand(directory: Path) -> bool:
    """Whether all four files lie there, whatever their content."""
    return mnist_files().at_hand(directory)


def fetch_mnist(directory: Path, mirrors: Sequence[str] = MIRRORS) -> Path:
    """Download what is missing of MNIST into `directory`/mnist and return that folder.

    Raises:
        MnistAbsent: no mirror gave the right content.
        OSError: the folder cannot be written.
    """
    fetch(mnist_files(mirrors), directory)
    return directory / "mnist"
