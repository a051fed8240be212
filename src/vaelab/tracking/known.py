"""What a run folder keeps of trackers, so that a resumed run goes on in the same place: trackers.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vaelab.codec import decode, encode
from vaelab.files import FORMAT, read_json, write_atomically
from vaelab.spec import Spec


@dataclass(frozen=True)
class Entry:
    """Numbers for trackers.

    Args:
        step: the number of steps of the run so far.
        numbers: by name.
        epoch: the epoch that has ended with this step, if they are its row; otherwise they are of the step alone.
    """

    step: int
    numbers: Mapping[str, float]
    epoch: int = 0


@dataclass(frozen=True)
class Known(Spec):
    """A tracker: the id of the run there, and what it was given.

    Args:
        name: its name.
        id: the id of the run; empty if the tracker needs none.
        step: the last step that it was given.
        epoch: the last epoch whose row it was given.
    """

    name: str
    id: str = ""
    step: int = 0
    epoch: int = 0

    def lacks(self, entry: Entry) -> bool:
        """Whether it was not given an entry."""
        return entry.epoch > self.epoch if entry.epoch else entry.step > self.step

    def given(self, entry: Entry) -> Known:
        """What is known after it was given an entry."""
        step = max(self.step, entry.step)
        return Known(self.name, self.id, step, max(self.epoch, entry.epoch))


@dataclass(frozen=True)
class _File(Spec):
    """The content of trackers.json."""

    trackers: tuple[Known, ...]
    format: int = FORMAT


def read_known(path: Path) -> dict[str, Known]:
    """The trackers of a run folder by name; none if there is no file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    return {each.name: each for each in decode(_File, read_json(path), str(path)).trackers}


def write_known(path: Path, known: Mapping[str, Known]) -> None:
    """Write trackers.json.

    Raises:
        UserError: it cannot be written.
    """
    write_atomically(path, json.dumps(encode(_File(tuple(known.values()))), indent=2) + "\n")
