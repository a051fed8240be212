"""What an export made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Exported:
    """The files of an exported model.

    Args:
        paths: the file of each part.
        errors: the largest difference from PyTorch of each part, see `vaelab.export.check`.
        left_out: why a part is absent, in one line.
    """

    paths: dict[str, Path]
    errors: dict[str, float]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """The largest difference from PyTorch of all parts."""
        return max(self.errors.values())
