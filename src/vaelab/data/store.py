"""The files of a published data set: their folders, their checksums, and how to obtain them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vaelab.data.checksums import RECORD, matches, recorded, sha256
from vaelab.errors import UserError


class DataNotFound(UserError):
    """A data set is missing and was not or cannot be downloaded."""


@dataclass(frozen=True)
class Download:
    """A file that can be downloaded.

    Args:
        name: the name of the file, at its address and on this machine.
        mirrors: the addresses of folders that hold it, tried in turn.
        checksum: "sha256:..." or "md5:..." as published; None if none is published.
        of_content: whether the checksum is that of the decompressed content, since mirrors differ in compression.
        archive: whether it is a zip whose files are kept instead of it.
    """

    name: str
    mirrors: tuple[str, ...]
    checksum: str | None = None
    of_content: bool = False
    archive: bool = False


@dataclass(frozen=True)
class FileSet:
    """The files of one data set.

    A downloaded file is verified by its checksum: a published one of its content, or the sha256 recorded in its folder
    when it was downloaded. A file that the user put there is verified by its format alone.

    Args:
        title: the name of the set in messages.
        kind: its word on the command line.
        names: the files that it needs; a file NAME.gz may also be there decompressed, as NAME.
        page: the address of its owners' description.
        downloads: the files to download; none for a set that the user must put there.
        subfolders: the subfolders to search in the folder of data sets, by default `kind`; downloads go into the
            first. An absolute path stands for itself.
        manual: how to obtain the files without `vaelab data fetch`, if the usual words do not fit.
    """

    title: str
    kind: str
    names: tuple[str, ...]
    page: str
    downloads: tuple[Download, ...] = ()
    subfolders: tuple[str, ...] = ()
    manual: str = ""

    def folders(self, directory: Path) -> list[Path]:
        """The folders that are searched; the files belong in the first."""
        return [directory / subfolder for subfolder in self.subfolders or (self.kind,)]

    def at_hand(self, directory: Path) -> bool:
        """Whether all files exist; their content is not checked."""
        return all(self.find(directory, name) for name in self.names)

    def find(self, directory: Path, name: str) -> Path | None:
        """The path of the file of this name, compressed or not; None if it does not exist."""
        paths = (folder / file for folder in self.folders(directory) for file in (name.removesuffix(".gz"), name))
        return next((path for path in paths if path.exists()), None)

    def path(self, directory: Path, name: str) -> Path:
        """The path of the file of this name, after a check of its recorded checksum.

        Raises:
            DataNotFound: it does not exist; the message says how to obtain it.
            UserError: it is corrupt.
        """
        path = self.find(directory, name)
        if path is None:
            home = self.folders(directory)[0]
            fetched = f"fetch it with `vaelab data fetch {self.kind}`, or " if self.downloads else ""
            raise DataNotFound(f"{self.title}: {name} is not in {home}; {fetched}{self.instruction(home)}")
        known = recorded(path.parent).get(path.name)
        if known is not None and sha256(path) != known:
            raise corrupt(path, f"its sha256 differs from the one recorded in {RECORD}")
        return path

    def read(self, directory: Path, name: str) -> tuple[Path, bytes]:
        """The path and the decompressed content of the file of this name, after a check of its checksums.

        Raises:
            DataNotFound: it does not exist; the message says how to obtain it.
            UserError: it is corrupt.
        """
        path = self.path(directory, name)
        content = decompressed(path)
        for download in self.downloads:
            if download.name == name and download.of_content and not matches(content, download.checksum):
                raise UserError(f"{path} is corrupt: its content is not {self.title}'s; delete it and fetch it again")
        return path, content

    def instruction(self, home: Path) -> str:
        """How to put the files into their folder without `vaelab data fetch`, in a few words."""
        files = [download.name + " (unzipped)" * download.archive for download in self.downloads] or self.names
        return self.manual or f"put {', '.join(files)} from {self.page} into {home}"


def decompressed(path: Path) -> bytes:
    """The content of a file, decompressed if it is a gzip.

    Raises:
        UserError: the gzip is damaged.
    """
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise corrupt(path, error) from None


def corrupt(path: Path, why: object) -> UserError:
    """The error for a file whose content is wrong."""
    return UserError(f"{path} is corrupt ({why}); delete it and fetch it again")


@contextmanager
def errors_as_corrupt(path: Path) -> Iterator[None]:
    """Report any error of a decoder as a corrupt file: damaged archives raise many kinds of errors.

    Raises:
        UserError: an error was raised in the block.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise corrupt(path, f"{type(error).__name__}: {error}") from None
