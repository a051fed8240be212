"""The base classes of the sources of images. Each source is one file: its spec, then its loader."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from vaelab.data.data import Data
from vaelab.data.directory import data_directory
from vaelab.spec import Spec

if TYPE_CHECKING:
    from vaelab.data.store import FileSet


class SourceSpec(Spec, room=True):
    """Base of the sources of images."""

    needs_files: ClassVar[bool] = True
    """False for images that come with an installed package or are drawn when they are loaded."""
    licence: ClassVar[str] = ""
    """The terms that the owners of the images state; empty where none are known."""

    @abstractmethod
    def load(self, directory: Path | None = None) -> Data:
        """The images, with the splits `train` and `test`.

        Args:
            directory: the folder of data sets, if the source has files there.
        """


class Stored(SourceSpec):
    """Base of the published sets, whose files lie in the folder of data sets."""

    @abstractmethod
    def files(self) -> FileSet:
        """The files: names, folders, addresses and checksums."""

    @abstractmethod
    def read(self, directory: Path) -> Data:
        """The images from the folder of data sets, without a download.

        Raises:
            DataNotFound: a file is missing.
            UserError: a file is corrupt.
        """

    def load(self, directory: Path | None = None) -> Data:
        """The images from the folder of data sets, by default the one that `data_directory` finds."""
        return self.read(data_directory(directory))
