"""Whether images have changed, asked for by one process or by several."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from vaelab.data import stamps
from vaelab.data.listing import Files, list_images


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Five folders of files with the names of images."""
    for number in range(5):
        place = tmp_path / "images" / f"class {number}"
        place.mkdir(parents=True)
        for each in range(4):
            (place / f"{each}.png").write_bytes(b"x" * each)
    return tmp_path / "images"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The processes that begin; there may be three for seven files each."""
    found: list[str] = []
    real = stamps.Popen

    def note(words: list[str], **options: object) -> object:
        found.append(words[0])
        return real(words, **options)

    monkeypatch.setattr(stamps, "Popen", note)
    monkeypatch.setattr(stamps, "_EACH", 7)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    return found


def fingerprint(root: Path) -> str:
    files = Files()
    list_images(files, str(root))
    return files.fingerprint()


def test_several_processes_find_what_one_does(
    folders: Path, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = fingerprint(folders)
    assert len(started) == 1
    monkeypatch.setattr(stamps, "_EACH", 5)
    assert fingerprint(folders) == together
    assert len(started) == 3
    monkeypatch.setattr(stamps, "_EACH", 1000)
    assert fingerprint(folders) == together
    assert len(started) == 3


@pytest.mark.parametrize("python", ["/absent/python", "false"])
def test_a_process_that_fails_is_done_without(
    python: str, folders: Path, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = fingerprint(folders)
    monkeypatch.setattr(sys, "executable", python)
    assert fingerprint(folders) == right
    assert started[-1] == python


@pytest.mark.parametrize("number", range(5))
def test_a_change_in_any_folder_is_noticed(number: int, folders: Path, started: list[str]) -> None:
    before, changed = fingerprint(folders), folders / f"class {number}" / "3.png"
    about = changed.stat()
    changed.write_bytes(b"yyy")
    os.utime(changed, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert changed.stat().st_size == about.st_size
    assert fingerprint(folders) != before
    assert started


def test_folders_names_and_absent_files_have_a_part_in_it(folders: Path, tmp_path: Path) -> None:
    before = fingerprint(folders)
    absent = Files()
    absent.add(str(folders), ["absent.png"])
    assert absent.fingerprint() == absent.fingerprint()
    assert absent.fingerprint() != Files().fingerprint()
    (folders / "class 0" / "0.png").rename(folders / "class 0" / "other.png")
    renamed = fingerprint(folders)
    folders.rename(tmp_path / "moved")
    assert len({before, renamed, fingerprint(tmp_path / "moved")}) == 3
