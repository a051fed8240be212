"""Weights & Biases, online or offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vaelab.trackers.picture import as_image
from vaelab.trackers.server import refuse_absent
from vaelab.trackers.tracker import Outcome, TrackedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaelab.trackers import WandB

# W&B writes its file in the background; what a kill can lose is at most that old.
_SECONDS = 1.0
_EXIT_CODES = {Outcome.finished: 0, Outcome.interrupted: 130, Outcome.failed: 1}


class WandBTracker:
    """A run of W&B; offline, `wandb sync` uploads it later."""

    def __init__(self, spec: WandB) -> None:
        self.spec = spec
        self.run: Any = None
        self.step = 0

    def start(self, run: TrackedRun) -> str:
        """Begin a run, or one with the same id, which W&B joins to the earlier one.

        Raises:
            UserError: it is to be online, but its server does not answer.
        """
        import wandb

        self.image, self.step = wandb.Image, run.step
        settings: Any = wandb.setup().settings
        mode = self.spec.mode or settings.mode
        if mode == "online":
            refuse_absent(settings.base_url, "choose offline mode (WANDB_MODE=offline) and use `wandb sync` later")
        self.run = wandb.init(
            project=self.spec.project,
            entity=self.spec.entity or None,
            name=run.name,
            id=run.id or None,
            resume="allow",
            config=dict(run.settings),
            mode=mode,
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", x_transaction_log_flush_interval=_SECONDS),
        )
        return str(self.run.id)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Numbers of a step."""
        self.step = step
        self.run.log(dict(metrics), step=step)

    def figure(self, name: str, figure: Figure) -> None:
        """The figure as an image of the last step."""
        self.run.log({f"figures/{name}": self.image(as_image(figure))}, step=self.step)

    def finish(self, outcome: Outcome) -> None:
        """Deliver everything; an exit code tells W&B how the run ended."""
        self.run.finish(exit_code=_EXIT_CODES[outcome])
