"""Downloads of the files of a published data set, verified by checksum."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from vaelab.data.checksums import RECORD, matches, record, recorded, sha256
from vaelab.data.store import DataNotFound, Download, FileSet, decompressed
from vaelab.errors import UserError


def fetch(files: FileSet, directory: Path) -> str:
    """Download the files that are missing; returns a phrase on how they were verified.

    Raises:
        DataNotFound: no mirror gave the right content.
        UserError: a file exists already and is corrupt.
        OSError: the folder cannot be written.
    """
    home = files.folders(directory)[0]
    fetched: list[Download] = []
    known = recorded(home)
    for download in files.downloads:
        needed = files.names if download.archive else (download.name,)
        if all(files.find(directory, name) for name in needed):
            for name in needed:
                (files.read if download.of_content else files.path)(directory, name)
            continue
        home.mkdir(parents=True, exist_ok=True)
        try:
            _fetch_one(files, download, home)
        except DataNotFound:
            with contextlib.suppress(OSError):
                home.rmdir()  # only if it is empty
            raise
        fetched.append(download)

    unpublished = {download.name for download in fetched if download.checksum is None}
    first = {name: digest for name, digest in recorded(home).items() if name in unpublished - known.keys()}
    if first:
        digests = ", ".join(f"the sha256 of {name}, {digest}," for name, digest in first.items())
        return f"no checksum is published; {digests} is recorded in {home / RECORD} and verified from now on"
    if unpublished:
        return f"verified by the sha256 recorded in {home / RECORD}"
    if all(download.of_content for download in files.downloads):
        return "verified by content"
    return "verified by the published checksum" if fetched else "already downloaded"


def _fetch_one(files: FileSet, download: Download, home: Path) -> None:
    """Download, verify and unpack one file.

    Raises:
        DataNotFound: as `fetch`.
    """
    # In the final folder, so that the rename is atomic; removed on every exit.
    with tempfile.TemporaryDirectory(dir=home) as temporary:
        file = _download(files, download, home, Path(temporary))
        parts = _unzipped(file, Path(temporary)) if download.archive else {download.name: file}
        if not download.of_content:
            # Recorded before the files are moved: a file without a record, left by a kill, would not be verified.
            record(home, {name: sha256(path) for name, path in parts.items()})
        for name, path in parts.items():
            # Temporary files are private; data sets are readable to all who share the folder.
            path.chmod(0o644)
            shutil.move(path, home / name)


def _download(files: FileSet, download: Download, home: Path, folder: Path) -> Path:
    """The file, in `folder`, from the first mirror with the right content.

    Raises:
        DataNotFound: no mirror has it.
    """
    import requests

    # Without a published checksum, a second download must equal the first.
    before = recorded(home).get(download.name)
    expected = download.checksum or (f"sha256:{before}" if before else None)
    failure = "there is no mirror"
    for mirror in download.mirrors:
        try:
            file = Path(_retrieve(mirror + download.name, folder))
            if matches(decompressed(file) if download.of_content else file, expected) and _is_intact(file):
                return file
            failure = f"{mirror}: its content is not {files.title}'s"
        except (UserError, requests.RequestException) as error:
            failure = f"{mirror}: {error if isinstance(error, UserError) else type(error).__name__}"
    raise DataNotFound(f"{files.title}: {download.name} cannot be downloaded ({failure}); {files.instruction(home)}")


def _retrieve(url: str, folder: Path) -> str:
    """Download a file and return its path."""
    import pooch

    # The error at the end names the mirror that failed; the log would repeat it.
    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(timeout=(5, 20))
    # No fname, so that the file is named after its address: files of two mirrors have different names.
    fetched: str = pooch.retrieve(url, known_hash=None, path=folder, downloader=downloader)
    return fetched


def _is_intact(file: Path) -> bool:
    """Whether a file with a zip suffix is a zip: a server may answer with an error page instead."""
    return file.suffix not in (".zip", ".npz") or zipfile.is_zipfile(file)


def _unzipped(file: Path, folder: Path) -> dict[str, Path]:
    """Unzip the files of an archive into `folder`, without their folders; returns their paths by name."""
    parts = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                # Only the last part of the name, so that no member is written outside the folder.
                path = folder / Path(member.filename).name
                with archive.open(member) as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target)
                parts[path.name] = path
    return parts
