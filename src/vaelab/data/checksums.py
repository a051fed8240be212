"""Checksums: published ones, and those recorded when a file was fetched."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from vaelab.errors import UserError
from vaelab.files import read_json, write_atomically

# Beside the files that it speaks of.
RECORD = "checksums.json"


def sha256(path: Path) -> str:
    """The sha256 of a file."""
    return checksum(path, "sha256")


def checksum(what: Path | bytes, algorithm: str) -> str:
    """The checksum of a file, or of bytes, as hexadecimal digits.

    >>> checksum(b"", "md5")
    'd41d8cd98f00b204e9800998ecf8427e'
    """
    if isinstance(what, bytes):
        return hashlib.new(algorithm, what).hexdigest()
    with what.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def matches(what: Path | bytes, expected: str | None) -> bool:
    """Whether a file, or bytes, have the checksum "sha256:..." or "md5:..."; anything has None.

    >>> matches(b"", "md5:d41d8cd98f00b204e9800998ecf8427e")
    True
    """
    algorithm, _, digits = (expected or "").partition(":")
    return expected is None or checksum(what, algorithm) == digits


def recorded(folder: Path) -> dict[str, str]:
    """The sha256 of each file of this folder that was fetched into it.

    Raises:
        UserError: the record cannot be read.
    """
    path = folder / RECORD
    values = read_json(path) if path.exists() else {}
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no checksums by name; delete it and the files beside it, and fetch them again")
    return values


def record(folder: Path, checksums: dict[str, str]) -> None:
    """Add the sha256 of files to the record of their folder.

    Raises:
        UserError: the record cannot be read or written.
    """
    write_atomically(folder / RECORD, json.dumps(recorded(folder) | checksums, indent=2, sort_keys=True) + "\n")
