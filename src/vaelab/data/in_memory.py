"""The source of images that were given in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vaelab.data.images import ImageData
from vaelab.data.sources import SourceSpec
from vaelab.errors import UserError


@dataclass(frozen=True)
class InMemory(SourceSpec):
    """Images that a program held in memory; a record keeps their name, and beside it their sha256."""

    name: str = "in memory"
    python_only: ClassVar[bool] = True

    def load(self, directory: Path | None = None) -> ImageData:
        """Nothing: no file holds these images.

        Raises:
            UserError: always; the images must be given again.
        """
        raise UserError(
            f"the images {self.name!r} were in memory, and no file holds them",
            python="give them again with data=",
            flags="continue in Python with data=, or name a file that holds them with --data",
        )
