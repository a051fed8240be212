"""CIFAR-10, from the binary version, which is plain bytes; the other one is pickled and is never read."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np

from vaelab.data.images import ImageData
from vaelab.data.store import Download, FileSet, corrupt

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

# A record is one byte of label, then 32 x 32 bytes of red, of green and of blue, each row by row.
RECORD = 1 + 3 * 32 * 32


def load_cifar10(directory: Path) -> ImageData:
    """60,000 small photographs in ten classes (Krizhevsky 2009), 32 x 32, RGB.

    Raises:
        UserError: the archive is missing or corrupt.
    """
    path = FILES.path(directory, FILES.names[0])
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                opened = archive.extractfile(member)
                if opened is not None:
                    members[Path(member.name).name] = opened.read()
    except Exception as error:  # a damaged archive fails in as many ways as tar, gzip and zlib have
        raise corrupt(path, f"it cannot be unpacked: {type(error).__name__}") from None

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
