"""Objectives: from a trace and the progress of training to the loss that is minimised.

Adding one is a file with a frozen dataclass, and its name in the union here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vaelab.objectives.capacity import Capacity
from vaelab.objectives.dip import DipI, DipII
from vaelab.objectives.dreg import Dreg
from vaelab.objectives.elbo import Elbo
from vaelab.objectives.factor import Factor
from vaelab.objectives.free_bits import FreeBits
from vaelab.objectives.geco import Geco
from vaelab.objectives.info import Info
from vaelab.objectives.iwae import Iwae
from vaelab.objectives.total_correlation import TotalCorrelation

Objective = Annotated[
    Elbo | FreeBits | Capacity | Geco | Iwae | Dreg | TotalCorrelation | Factor | DipI | DipII | Info,
    Field(discriminator="kind"),
]

__all__ = [
    "Capacity",
    "DipI",
    "DipII",
    "Dreg",
    "Elbo",
    "Factor",
    "FreeBits",
    "Geco",
    "Info",
    "Iwae",
    "Objective",
    "TotalCorrelation",
]
