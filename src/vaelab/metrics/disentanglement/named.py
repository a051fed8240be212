"""Scores with the names and definitions that tables show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any


def score(name: str, definition: str) -> Any:
    """A field of `Scores`.

    Args:
        name: in tables.
        definition: whose it is, or how it differs from a published one.
    """
    return field(metadata={"name": name, "definition": definition})


@dataclass(frozen=True)
class Scores:
    """Several scores of one representation; each field is a `score`."""

    @classmethod
    def names(cls) -> list[str]:
        """The name of each score in tables."""
        return [score.metadata["name"] for score in fields(cls)]

    def rows(self) -> Iterator[tuple[str, float, str]]:
        """Name, value and definition of each score."""
        for score in fields(self):
            yield score.metadata["name"], float(getattr(self, score.name)), score.metadata["definition"]
