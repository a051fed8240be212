"""Sweeps: a search over settings, whose trials are runs; any number of processes share one study of Optuna."""

from vaelab.sweeps.settings import Sweep as Sweep
