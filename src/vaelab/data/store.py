"""The files of a published data set: where they lie, what they must be, how to come by them."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

from vaelab.data.checksums import RECORD, matches, recorded, sha256
from vaelab.errors import UserError


class Absent(UserError):
    """A data set is neither at hand nor can it be downloaded."""


@dataclass(frozen=True)
class Download:
    """A file that can be fetched.

    Args:
        name: its name, there and here.
        mirrors: addresses that it lies under, tried in turn.
        checksum: "sha256:..." or "md5:..." as published; None where no checksum of it is.
        of_content: the checksum is of what the gzip holds, since mirrors differ in how they compress.
        archive: it is a zip, and what it holds is kept instead of it.
    """

    name: str
    mirrors: tuple[str, ...]
    checksum: str | None = None
    of_content: bool = False
    archive: bool = False


@dataclass(frozen=True)
class FileSet:
    """The files of one data set.

    A file that was fetched is known by its checksum: by a published one of its content, or by the sha256
    that was recorded beside it then. A file that was put there by hand is taken for what its format says.

    Args:
        title: what errors call the set.
        kind: what the command line calls it.
        names: the files that it needs; a gzipped one may lie there unpacked.
        page: where its owners publish it.
        downloads: what is fetched; nothing where the set must be put there by hand.
        places: folders to look in, below the folder of data sets; what is fetched goes into the first.
        by_hand: how to come by the files without fetching them, where the usual words do not fit.
    """

    title: str
    kind: str
    names: tuple[str, ...]
    page: str
    downloads: tuple[Download, ...] = ()
    places: tuple[str, ...] = ()
    by_hand: str = ""

    def folders(self, directory: Path) -> list[Path]:
        """Where the files are looked for; they belong in the first."""
        return [directory / place for place in self.places or (self.kind,)]

    def at_hand(self, directory: Path) -> bool:
        """Whether all files lie there, whatever their content."""
        return all(self.find(directory, name) for name in self.names)

    def find(self, directory: Path, name: str) -> Path | None:
        """The file of this name, gzipped or not."""
        paths = (folder / file for folder in self.folders(directory) for file in (name.removesuffix(".gz"), name))
        return next((path for path in paths if path.exists()), None)

    def path(self, directory: Path, name: str) -> Path:
        """The file of this name, found to be what was recorded of it.

        Raises:
            Absent: it is not there; the message says how to come by it.
            UserError: it is corrupt.
        """
        path = self.find(directory, name)
        if path is None:
            home = self.folders(directory)[0]
            fetched = f"fetch it with `vaelab data fetch {self.kind}`, or " if self.downloads else ""
            raise Absent(f"{self.title}: {name} is not in {home}; {fetched}{self.instruction(home)}")
        known = recorded(path.parent).get(path.name)
        if known is not None and sha256(path) != known:
            raise corrupt(path, f"its sha256 is not the one recorded in {RECORD} beside it")
        return path

    def read(self, directory: Path, name: str) -> tuple[Path, bytes]:
        """The file of this name and what it holds, unpacked, found to be what is known of it.

        Raises:
            Absent: it is not there; the message says how to come by it.
            UserError: it is corrupt.
        """
        path = self.path(directory, name)
        content = decompressed(path)
        for download in self.downloads:
            if download.name == name and download.of_content and not matches(content, download.checksum):
                raise UserError(f"{path} is corrupt: its content is not {self.title}'s; delete it and fetch it again")
        return path, content

    def instruction(self, home: Path) -> str:
        """How to put the files into their folder by hand, in a few words."""
        files = [download.name + " (unzipped)" * download.archive for download in self.downloads] or self.names
        return self.by_hand or f"put {', '.join(files)} from {self.page} into {home}"


def decompressed(path: Path) -> bytes:
    """What a file holds, gzipped or not.

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
    """The error for a file that is not what it must be."""
    return UserError(f"{path} is corrupt ({why}); delete it and fetch it again")
