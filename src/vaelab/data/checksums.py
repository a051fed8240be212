"""Checksums: published ones, and those recorded when a file was downloaded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from vaelab.errors import UserError
from vaelab.files import locked, read_json, write_atomically

# Lies in the same folder as the files.
RECORD = "checksums.json"


def sha256(path: Path) -> str:
    """The sha256 of a file."""
    return checksum(path, "sha256")


def checksum(data: Path | bytes, algorithm: str) -> str:
    """The checksum of a file or of bytes, as hexadecimal digits.

    >>> checksum(b"", "md5")
    'd41d8cd98f00b204e9800998ecf8427e'
    """
    if isinstance(data, bytes):
        return hashlib.new(algorithm, data).hexdigest()
    with data.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def matches(data: Path | bytes, expected: str | None) -> bool:
    """Whether a file or bytes have the checksum "sha256:..." or "md5:..."; always true for None.

    >>> matches(b"", "md5:d41d8cd98f00b204e9800998ecf8427e")
    True
    """
    algorithm, _, digits = (expected or "").partition(":")
    return expected is None or checksum(data, algorithm) == digits


def recorded(folder: Path) -> dict[str, str]:
    """The sha256 of each file that was downloaded into this folder, by name.

    Raises:
        UserError: the record cannot be read.
    """
    path = folder / RECORD
    values = read_json(path) if path.exists() else {}
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no checksums by name; delete it and the files next to it, and fetch them again")
    return values


def record(folder: Path, checksums: dict[str, str]) -> None:
    """Add the sha256 of files, by name, to the record of their folder.

    Raises:
        UserError: the record cannot be read or written.
    """
    with locked(folder / RECORD):
        write_atomically(folder / RECORD, json.dumps(recorded(folder) | checksums, indent=2, sort_keys=True) + "\n")
