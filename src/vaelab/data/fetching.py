"""Downloading the files of a published data set, so that each is known when it is met again."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

from vaelab.data.checksums import RECORD, matches, record, recorded, sha256
from vaelab.data.store import Absent, Download, FileSet, decompressed
from vaelab.errors import UserError


def fetch(files: FileSet, directory: Path) -> str:
    """Download what is missing and say in a few words how it was verified.

    Raises:
        Absent: no mirror gave the right content.
        UserError: a file is there already, and corrupt.
        OSError: the folder cannot be written.
    """
    home = files.folders(directory)[0]
    fetched: list[Download] = []
    for download in files.downloads:
        needed = files.names if download.archive else (download.name,)
        if all(files.find(directory, name) for name in needed):
            for name in needed:
                (files.read if download.of_content else files.path)(directory, name)
            continue
        # Next to its final place, so that the rename is atomic; removed whatever happens.
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as fresh:
            file = _download(files, download, home, Path(fresh))
            parts = _unzipped(file, Path(fresh)) if download.archive else {download.name: file}
            if not download.of_content:
                # Before the files: one that a kill leaves without its record would pass for one put there by hand.
                record(home, {name: sha256(path) for name, path in parts.items()})
            for name, path in parts.items():
                # Readable to all who share the folder, as a file made by hand would be.
                path.chmod(0o644)
                shutil.move(path, home / name)
        fetched.append(download)

    unpublished = [download.name for download in fetched if download.checksum is None]
    if unpublished:
        return (
            f"no checksum of {', '.join(unpublished)} is published, so its sha256 is recorded in {home / RECORD} "
            "and checked from now on"
        )
    if all(download.of_content for download in files.downloads):
        return "verified by content"
    return "verified by the published checksum" if fetched else "at hand already"


def _download(files: FileSet, download: Download, home: Path, folder: Path) -> Path:
    """The file, in `folder`, from the first mirror that gives what it must be.

    Raises:
        Absent: none does.
    """
    import requests

    # What was fetched before must come again the same, also where no checksum is published.
    before = recorded(home).get(download.name)
    expected = download.checksum or (f"sha256:{before}" if before else None)
    trouble = "no mirror was tried"
    for mirror in download.mirrors:
        try:
            file = Path(_retrieve(mirror + download.name, folder))
            if matches(decompressed(file) if download.of_content else file, expected) and _is_its_kind(file):
                return file
            trouble = f"{mirror}: its content is not {files.title}'s"
        except (UserError, requests.RequestException) as error:
            trouble = f"{mirror}: {error if isinstance(error, UserError) else type(error).__name__}"
    raise Absent(f"{files.title}: {download.name} cannot be downloaded ({trouble}); {files.instruction(home)}")


def _retrieve(url: str, folder: Path) -> str:
    """The path of the file that was fetched."""
    import pooch

    # Which mirror was tried is told once, in the error, if none works.
    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(timeout=(5, 20))
    # Without a name of ours the file is named after the address, so that no mirror is taken for another.
    fetched: str = pooch.retrieve(url, known_hash=None, path=folder, downloader=downloader)
    return fetched


def _is_its_kind(file: Path) -> bool:
    """Whether what calls itself a zip is one: a server may answer with a page of apology instead."""
    return file.suffix not in (".zip", ".npz") or zipfile.is_zipfile(file)


def _unzipped(file: Path, folder: Path) -> dict[str, Path]:
    """The files of a zip archive by name, without the folders that they lie in there."""
    parts = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                # The last part of its name alone: no member can lead out of the folder.
                path = folder / Path(member.filename).name
                with archive.open(member) as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target)
                parts[path.name] = path
    return parts
