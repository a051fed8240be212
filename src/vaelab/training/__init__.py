"""Training: the loop, the run folder, checkpoints."""

from vaelab.training.full_pass import Totals, full_pass
from vaelab.training.run import Run, open_run
from vaelab.training.train import resume, train

__all__ = ["Run", "Totals", "full_pass", "open_run", "resume", "train"]
