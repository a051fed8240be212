"""Objectives: from a trace and the progress of training to the loss that is minimised.

Adding one is a file with a frozen dataclass, and its name in the union here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vaelab.objectives.elbo import Elbo
from vaelab.objectives.iwae import Iwae

Objective = Annotated[Elbo | Iwae, Field(discriminator="kind")]

__all__ = ["Elbo", "Iwae", "Objective"]
