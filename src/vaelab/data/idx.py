"""IDX, the format of MNIST and of the sets that follow it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaelab.data.images import ImageData
from vaelab.data.store import Download, FileSet, corrupt

# Training images, training labels, test images, test labels: the order that `load_idx` takes them in.
NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def idx_files(title: str, kind: str, page: str, mirror: str, checksums: tuple[str, ...]) -> FileSet:
    """The four files of a set that is published under MNIST's names.

    Args:
        title: the set's name in messages.
        kind: its tag, and its folder.
        page: where its owners describe it.
        mirror: the address that file names are added to.
        checksums: of the downloads, in the order of `NAMES`.
    """
    downloads = tuple(Download(name, (mirror,), checksum) for name, checksum in zip(NAMES, checksums, strict=True))
    return FileSet(title=title, kind=kind, names=NAMES, page=page, downloads=downloads)


def load_idx(files: FileSet, directory: Path, classes: tuple[str, ...]) -> ImageData:
    """The images, labels and splits of a set of four IDX files.

    Raises:
        Absent: a file is missing.
        UserError: a file is corrupt, or the files do not fit together.
    """
    images, labels, splits = read_splits(files, directory)
    return ImageData(files.kind, images, labels, classes, splits)


def read_splits(files: FileSet, directory: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], dict[str, range]]:
    """Images (N, 1, H, W), labels (N,) and splits of the first four files that `files` names.

    Raises:
        Absent: a file is missing.
        UserError: a file is corrupt, or images and labels differ in number.
    """
    images, labels = [], []
    for stored, numbers in (files.names[0:2], files.names[2:4]):
        path, x = _read(files, directory, stored, rank=3)
        _, y = _read(files, directory, numbers, rank=1)
        if len(x) != len(y):
            raise corrupt(path, f"{len(x)} images, but {len(y)} labels")
        images.append(x)
        labels.append(y)
    if images[1].shape[1:] != images[0].shape[1:]:
        raise corrupt(path, f"its images are {images[1].shape[1:]}, those to train on {images[0].shape[1:]}")
    train, rows = len(images[0]), len(images[0]) + len(images[1])
    splits = {"train": range(train), "test": range(train, rows)}
    return np.concatenate(images)[:, None], np.concatenate(labels).astype(np.int64), splits


def _read(files: FileSet, directory: Path, name: str, rank: int) -> tuple[Path, NDArray[np.uint8]]:
    """An array from IDX: two zero bytes, a type, the rank, then a big-endian size for each dimension.

    Raises:
        UserError: the file is not an IDX file of bytes of this rank, or is cut short.
    """
    path, data = files.read(directory, name)
    start = 4 + 4 * rank
    shape = np.frombuffer(data[4:start].ljust(4 * rank, b"\0"), ">u4").tolist()
    # 8 is the type of unsigned bytes.
    if data[:4] != bytes((0, 0, 8, rank)) or len(data) != start + math.prod(shape):
        raise corrupt(path, f"it is no IDX file of bytes in {rank} dimensions")
    return path, np.frombuffer(data, np.uint8, offset=start).reshape(shape)
