"""Training: the loop, the run folder, checkpoints."""

from vaelab.training.full_pass import Totals, full_pass
from vaelab.training.loop import train
from vaelab.training.run import Run, open_run

__all__ = ["Run", "Totals", "full_pass", "open_run", "train"]
