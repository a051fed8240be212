"""The budget of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge

from vaelab.precision import Precision
from vaelab.spec import Spec


@dataclass(frozen=True)
class Budget(Spec):
    """The numbers of images and draws that an evaluation uses.

    Raises:
        UserError: a number is below its bound.
    """

    n_images: Annotated[int, Ge(2)] | None = None
    """Images of the test split, chosen at random by the seed; None for all."""
    n_costly: Annotated[int, Ge(2)] = 50
    """Images for annealing and for fitting a posterior to each."""
    n_samples: Annotated[int, Ge(1)] = 200
    """Importance samples per image."""
    precision: Precision = "fp32"
    """In which the networks compute importance samples; bf16 takes half the time where the hardware computes in it."""
    seed: Annotated[int, Ge(0)] = 0
    """Decides every draw."""


QUICK: dict[str, Any] = {"n_images": 500, "n_costly": 10, "n_samples": 50}
"""The numbers of a quick evaluation."""
