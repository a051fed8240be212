"""The numbers of a study, measured once and kept in files, so that a study that was stopped measures nothing twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaelab.errors import UserError
from vaelab.files import read_json, write_atomically
from vaelab.training import Run
from vaelab.training.folder import RunFolder


@dataclass(frozen=True)
class Measured(Mapping[str, Any]):
    """The numbers of the cases of a study by name, in the order of the plan.

    Args:
        numbers: the numbers of each case.
        refused: the error of each case that could not be measured; looking up its numbers raises it.
    """

    numbers: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, UserError] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        if name in self.refused:
            raise self.refused[name]
        return self.numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def order(self, names: Iterable[str]) -> None:
        """Order the numbers by these names; other names stay behind them, as they are."""
        given = {name: self.numbers.pop(name) for name in names if name in self.numbers}
        others = dict(self.numbers)
        self.numbers.clear()
        self.numbers.update(given | others)


@dataclass(frozen=True)
class NumbersFile:
    """A JSON file of numbers.

    Args:
        path: the file.
        fingerprint: of everything that the numbers depend on.
    """

    path: Path
    fingerprint: str

    def read(self) -> Any:
        """The numbers in the file; None if there are none with this fingerprint.

        Raises:
            UserError: the file is not JSON.
        """
        stored = read_json(self.path) if self.path.exists() else {}
        return stored["numbers"] if stored.get("on") == self.fingerprint else None

    def write(self, numbers: Any) -> None:
        """Write the numbers.

        Raises:
            UserError: the file cannot be written.
        """
        write_atomically(self.path, json.dumps({"on": self.fingerprint, "numbers": numbers}, indent=2) + "\n")


def fingerprint(values: Any, runs: Iterable[Run]) -> str:
    """The sha256 of some values, by their `repr`, and of the last weights of some runs."""
    digest = hashlib.sha256(repr(values).encode())
    for run in runs:
        digest.update(RunFolder(run.folder).last.read_bytes())
    return digest.hexdigest()
