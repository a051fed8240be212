"""MNIST, the only set that is downloaded when it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vaelab.data.directory import data_directory
from vaelab.data.idx import NAMES, IdxSource
from vaelab.data.images import ImageData
from vaelab.data.store import Download, FileSet

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# sha256 of the decompressed files, in the order of NAMES: mirrors differ in their compression, not in the content.
CHECKSUMS = (
    "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)


@dataclass(frozen=True)
class Mnist(IdxSource):
    """The 70,000 digits of LeCun, Cortes and Burges (1998), 28 x 28, grey; downloaded if missing."""

    published: ClassVar[FileSet] = FileSet(
        title="MNIST",
        kind="mnist",
        names=NAMES,
        page="http://yann.lecun.com/exdb/mnist/",  # nothing is downloaded from it
        downloads=tuple(
            Download(name, MIRRORS, checksum, of_content=True) for name, checksum in zip(NAMES, CHECKSUMS, strict=True)
        ),
        # Many people keep the four files in the folder of data sets itself.
        subfolders=("mnist", ""),
        manual="put the four files into a folder and name it with --data-dir or VAELAB_DATA",
    )
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")
    licence: ClassVar[str] = "CC BY-SA 3.0"

    def load(self, directory: Path | None = None) -> ImageData:
        """The images, verified by content; missing files are downloaded into the subfolder `mnist`.

        Raises:
            DataNotFound: files are missing and cannot be downloaded.
            UserError: a file is corrupt.
        """
        from vaelab.data.fetching import fetch

        folder = data_directory(directory)
        if not self.files().at_hand(folder):
            fetch(self.files(), folder)
        return self.read(folder)
