"""IDX, the file format of MNIST and of the sets that follow it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vaelab.data.images import ImageData
from vaelab.data.sources import Stored
from vaelab.data.store import Download, FileSet, corrupt

# Training images, training labels, test images, test labels: the order in which `read_splits` takes them.
NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


class IdxSource(Stored):
    """Base of the sets that are published as four IDX files."""

    published: ClassVar[FileSet]
    """The four files."""
    classes: ClassVar[tuple[str, ...]]
    """The names of the classes, in the order of their numbers."""

    def files(self) -> FileSet:
        """The four files."""
        return self.published

    def read(self, directory: Path) -> ImageData:
        """The images and labels from the folder of data sets."""
        images, labels, splits = read_splits(self.files(), directory)
        return ImageData(self.kind, images, labels, self.classes, splits)


def idx_files(title: str, kind: str, page: str, mirrors: tuple[str, ...], checksums: tuple[str, ...]) -> FileSet:
    """The four files of a set that is published under MNIST's file names.

    Args:
        title: the name of the set in messages.
        kind: its word on the command line, which is also the name of its folder.
        page: the address of its owners' description.
        mirrors: the addresses that file names are appended to, tried in turn.
        checksums: those of the downloads, in the order of `NAMES`.
    """
    downloads = tuple(Download(name, mirrors, checksum) for name, checksum in zip(NAMES, checksums, strict=True))
    return FileSet(title=title, kind=kind, names=NAMES, page=page, downloads=downloads)


def read_splits(files: FileSet, directory: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], dict[str, range]]:
    """Images (N, 1, H, W), labels (N,) and splits from the first four files of `files`.

    Raises:
        DataNotFound: a file is missing.
        UserError: a file is corrupt, or the files do not fit together.
    """
    images, labels = [], []
    for image_file, label_file in (files.names[0:2], files.names[2:4]):
        path, x = _read(files, directory, image_file, rank=3)
        _, y = _read(files, directory, label_file, rank=1)
        if len(x) != len(y):
            raise corrupt(path, f"{len(x)} images, but {len(y)} labels")
        images.append(x)
        labels.append(y)
    if images[1].shape[1:] != images[0].shape[1:]:
        raise corrupt(path, f"its images are {images[1].shape[1:]}, those of the training split {images[0].shape[1:]}")
    train, rows = len(images[0]), len(images[0]) + len(images[1])
    splits = {"train": range(train), "test": range(train, rows)}
    return np.concatenate(images)[:, None], np.concatenate(labels).astype(np.int64), splits


def _read(files: FileSet, directory: Path, name: str, rank: int) -> tuple[Path, NDArray[np.uint8]]:
    """An array from IDX: two zero bytes, the type, the rank, then one big-endian size per dimension.

    Raises:
        UserError: the file is not an IDX file of bytes of this rank, or is truncated.
    """
    path, data = files.read(directory, name)
    start = 4 + 4 * rank
    shape = np.frombuffer(data[4:start].ljust(4 * rank, b"\0"), ">u4").tolist()
    # 8 is the type of unsigned bytes.
    # Of no values, the other sizes may be absurd.
    if data[:4] != bytes((0, 0, 8, rank)) or 0 in shape or len(data) != start + math.prod(shape):
        raise corrupt(path, f"it is not an IDX file of bytes in {rank} dimensions")
    return path, np.frombuffer(data, np.uint8, offset=start).reshape(shape)
