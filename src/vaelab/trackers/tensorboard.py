"""TensorBoard's event files, written without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaelab.trackers.picture import as_image
from vaelab.trackers.tracker import Outcome, TrackedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaelab.trackers import TensorBoard


class TensorBoardTracker:
    """Scalars, hyperparameters and images in event files."""

    def __init__(self, spec: TensorBoard) -> None:
        self.spec = spec
        self.writer: Any = None
        self.step = 0

    def start(self, run: TrackedRun) -> None:
        """Open an event file; what earlier files have beyond the run's last step is void."""
        import numpy as np
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        folder = Path(self.spec.directory) / run.name if self.spec.directory else run.folder / "tensorboard"
        self.writer = SummaryWriter(folder, purge_step=run.step + 1)
        self.step, self.array = run.step, np.asarray
        for summary in hparams(dict(run.settings), {}):
            self.writer.file_writer.add_summary(summary)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """One scalar per metric."""
        self.step = step
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, step)

    def flush(self) -> None:
        """Write what the writer collected."""
        self.writer.flush()

    def figure(self, name: str, figure: Figure) -> None:
        """The figure as an image."""
        self.writer.add_image(f"figures/{name}", self.array(as_image(figure)), self.step, dataformats="HWC")

    def finish(self, outcome: Outcome) -> None:
        """Close the file; TensorBoard knows no outcome."""
        self.writer.close()
