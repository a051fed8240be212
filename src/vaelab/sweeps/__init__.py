"""Sweeps: a search over settings, whose trials are runs; any number of processes share one study of Optuna."""

from vaelab.sweeps.pruners import (
    Hyperband as Hyperband,
    MedianPruner as MedianPruner,
    NoPruner as NoPruner,
    PrunerSpec as PrunerSpec,
)
from vaelab.sweeps.samplers import (
    CmaEs as CmaEs,
    GridSearch as GridSearch,
    RandomSearch as RandomSearch,
    SamplerSpec as SamplerSpec,
    TreeParzen as TreeParzen,
)
from vaelab.sweeps.settings import Sweep as Sweep
