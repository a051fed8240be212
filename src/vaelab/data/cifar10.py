"""CIFAR-10, from the binary version. The Python version is pickled, so it is never read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vaelab.data.images import ImageData
from vaelab.data.sources import Stored
from vaelab.data.store import Download, FileSet, corrupt, errors_as_corrupt

# The address is that of the set's page; the sha256 is from TensorFlow Datasets,
# https://github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/cifar10.txt.
FILES = FileSet(
    title="CIFAR-10",
    kind="cifar10",
    names=("cifar-10-binary.tar.gz",),
    page="https://www.cs.toronto.edu/~kriz/cifar.html",
    downloads=(
        Download(
            "cifar-10-binary.tar.gz",
            ("https://www.cs.toronto.edu/~kriz/",),
            "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
    ),
)

# A record is one byte of label, then 32 x 32 bytes of red, of green and of blue, row by row.
RECORD = 1 + 3 * 32 * 32


@dataclass(frozen=True)
class Cifar10(Stored):
    """The 60,000 small photographs of Krizhevsky (2009), 32 x 32, RGB; ten classes."""

    def files(self) -> FileSet:
        """The archive."""
        return FILES

    def read(self, directory: Path) -> ImageData:
        """The images and labels from the archive.

        Raises:
            DataNotFound: the archive is missing.
            UserError: it is corrupt.
        """
        path = FILES.path(directory, FILES.names[0])
        with errors_as_corrupt(path):
            members = _unpacked(path)
        train = b"".join(members[name] for name in sorted(members) if name.startswith("data_batch_"))
        test, names = members.get("test_batch.bin", b""), members.get("batches.meta.txt", b"")
        for part in (train, test):
            if not part or len(part) % RECORD:
                raise corrupt(path, f"its batches hold {len(part)} bytes, not records of {RECORD}")
        records = np.frombuffer(train + test, np.uint8).reshape(-1, RECORD)
        rows = len(train) // RECORD
        return ImageData(
            "cifar10",
            records[:, 1:].reshape(-1, 3, 32, 32).copy(),
            records[:, 0].astype(np.int64),
            tuple(names.decode(errors="replace").split()),
            {"train": range(rows), "test": range(rows, len(records))},
        )


def _unpacked(path: Path) -> dict[str, bytes]:
    """The content of each file of the archive, by name without its folder."""
    import tarfile

    members: dict[str, bytes] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            opened = archive.extractfile(member)
            if opened is not None:
                members[Path(member.name).name] = opened.read()
    return members
