"""The latents of a model as plain arrays: what its decoder takes when the model's own code is absent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Coordinates:
    """Arrays that stand for the latents of N images, each of N rows.

    Args:
        widths: the name of each array, and the number of its columns.
        kind: "vector" for one real vector, "groups" for the noise of each group, "codes" for integers.
        size: number of values of each code; 0 for real numbers.
        about: what else a reader of an exported model has to know.
    """

    widths: dict[str, int]
    kind: str = "vector"
    size: int = 0
    about: dict[str, Any] = field(default_factory=dict)
