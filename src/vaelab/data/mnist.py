"""MNIST, from files at hand or from a mirror, always verified by content."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaelab.data.images import ImageData
from vaelab.errors import UserError

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


class MnistAbsent(UserError):
    """MNIST is neither at hand nor can it be downloaded."""


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
    content = {name: _content(directory, name) for name in CONTENT}
    missing = [name for name, data in content.items() if data is None]
    if missing and not download:
        raise MnistAbsent(f"MNIST: {missing[0]} is not in {directory}; name its folder with --data-dir or VAELAB_DATA")
    if missing:
        fetch_mnist(directory)
        content = {name: _content(directory, name) for name in CONTENT}

    def array(name: str) -> NDArray[np.uint8]:
        return _parse_idx(content[name] or b"")

    images = np.concatenate([array("train-images-idx3-ubyte"), array("t10k-images-idx3-ubyte")])
    labels = np.concatenate([array("train-labels-idx1-ubyte"), array("t10k-labels-idx1-ubyte")])
    return ImageData(
        "mnist",
        images[:, None],
        labels.astype(np.int64),
        tuple("0123456789"),
        {"train": range(60_000), "test": range(60_000, 70_000)},
    )


def mnist_at_hand(directory: Path) -> bool:
    """Whether all four files lie there, whatever their content."""
    return all(_find(directory, name) for name in CONTENT)


def fetch_mnist(directory: Path, mirrors: Sequence[str] = MIRRORS) -> Path:
    """Download what is missing of MNIST into `directory`/mnist and return that folder.

    Raises:
        MnistAbsent: no mirror gave the right content.
        OSError: the folder cannot be written.
    """
    import requests

    folder = directory / "mnist"
    for name, digest in CONTENT.items():
        if _content(directory, name) is not None:
            continue
        trouble = "no mirror was tried"
        # Next to its final place, so that the rename is atomic; removed whatever happens.
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as unpacked:
            for mirror in mirrors:
                try:
                    file = Path(_download(mirror + name + ".gz", Path(unpacked)))
                    if hashlib.sha256(_decompressed(file)).hexdigest() == digest:
                        # Readable to all who share the folder, as a file made by hand would be.
                        file.chmod(0o644)
                        shutil.move(file, folder / (name + ".gz"))
                        break
                    trouble = f"{mirror}: its content is not MNIST's"
                except (UserError, requests.RequestException) as error:
                    trouble = f"{mirror}: {error if isinstance(error, UserError) else type(error).__name__}"
            else:
                raise MnistAbsent(
                    f"MNIST: {name}.gz cannot be downloaded ({trouble}); "
                    "put the four files into a folder and name it with --data-dir or VAELAB_DATA"
                )
    return folder


def _download(url: str, folder: Path) -> str:
    """The path of the file that was fetched."""
    import pooch

    # Which mirror was tried is told once, in the error, if none works.
    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(timeout=(5, 20))
    # Without a name of ours the file is named after the address, so that no mirror is taken for another.
    fetched: str = pooch.retrieve(url, known_hash=None, path=folder, downloader=downloader)
    return fetched


def _content(directory: Path, name: str) -> bytes | None:
    """The verified content of one file, or None where it is not at hand."""
    path = _find(directory, name)
    if path is None:
        return None
    data = _decompressed(path)
    if hashlib.sha256(data).hexdigest() != CONTENT[name]:
        raise UserError(f"{path} is corrupt: its content is not MNIST's; delete it and fetch it again")
    return data


def _find(directory: Path, name: str) -> Path | None:
    """The file of this name, gzipped or not."""
    places = (folder / file for folder in (directory / "mnist", directory) for file in (name, name + ".gz"))
    return next((path for path in places if path.is_file()), None)


def _decompressed(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is corrupt ({error}); delete it and fetch it again") from None


def _parse_idx(data: bytes) -> NDArray[np.uint8]:
    """An array from IDX: two zero bytes, a type, the rank, then a big-endian size for each dimension."""
    rank = data[3]
    shape = np.frombuffer(data, ">i4", count=rank, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
