"""Objectives: functions of a trace and the progress of training that return the loss to minimise.

To add one, write a file with a frozen dataclass, and add its name here.
"""

from __future__ import annotations

from typing import Annotated

from vaelab.objectives.capacity import Capacity
from vaelab.objectives.dip import DipI, DipII
from vaelab.objectives.dreg import Dreg
from vaelab.objectives.elbo import Elbo
from vaelab.objectives.factor import Factor
from vaelab.objectives.free_bits import FreeBits
from vaelab.objectives.function import FunctionObjective
from vaelab.objectives.geco import Geco
from vaelab.objectives.info import Info
from vaelab.objectives.iwae import Iwae
from vaelab.objectives.objective import Loss, ObjectiveSpec
from vaelab.objectives.total_correlation import TotalCorrelation
from vaelab.spec import any_of

AnyObjective = Annotated[ObjectiveSpec, any_of(ObjectiveSpec)]

__all__ = [
    "AnyObjective",
    "Capacity",
    "DipI",
    "DipII",
    "Dreg",
    "Elbo",
    "Factor",
    "FreeBits",
    "FunctionObjective",
    "Geco",
    "Info",
    "Iwae",
    "Loss",
    "ObjectiveSpec",
    "TotalCorrelation",
]
