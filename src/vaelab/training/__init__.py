"""Training: the loop, the run folder, checkpoints."""

from vaelab.training.full_pass import Totals as Totals, full_pass as full_pass
from vaelab.training.run import Run as Run, open_run as open_run
from vaelab.training.train import train as train
from vaelab.training.watcher import Watcher as Watcher
