"""Optimisers: how a step is taken along the gradient.

To add one, write a file with a frozen dataclass, and add its name here.
"""

from __future__ import annotations

from typing import Annotated

from vaelab.optimisers.adam import Adam as Adam, Muon as Muon
from vaelab.optimisers.function import FunctionOptimiser as FunctionOptimiser
from vaelab.optimisers.optimiser import OptimiserSpec as OptimiserSpec
from vaelab.spec import Prefix, any_of

# Its flags have no prefix, such as --learning-rate, so that its words need one: optimiser:muon.
_WORDS = Prefix("optimiser:")
AnyOptimiser = Annotated[OptimiserSpec, any_of(OptimiserSpec, prefix=_WORDS), _WORDS]
