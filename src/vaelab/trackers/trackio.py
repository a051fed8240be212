"""trackio: a database on this machine, or a Space."""

from __future__ import annotations

import contextlib
import io
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vaelab.trackers.picture import as_image
from vaelab.trackers.tracker import Outcome, TrackedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaelab.trackers import Trackio


class TrackioTracker:
    """A run of trackio."""

    def __init__(self, spec: Trackio) -> None:
        self.spec = spec
        self.run: Any = None
        self.step = 0

    def start(self, run: TrackedRun) -> str:
        """Begin a run, or continue the one of this name; trackio knows runs by their names, so ours end in a number."""
        import trackio
        from trackio import context_vars

        name = run.id or f"{run.name}-{secrets.token_hex(3)}"
        self.image, self.step = trackio.Image, run.step
        # trackio ends its current run when another begins; a user's own stays the current one.
        current = context_vars.current_run.get()
        context_vars.current_run.set(None)
        with _silent():
            self.run = trackio.init(
                project=self.spec.project,
                name=name,
                resume="allow",
                config=dict(run.settings),
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        context_vars.current_run.set(current)
        return name

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Numbers of a step."""
        self.step = step
        self.run.log(dict(metrics), step=step)

    def figure(self, name: str, figure: Figure) -> None:
        """The figure as an image of the last step."""
        self.run.log({f"figures/{name}": self.image(as_image(figure))}, step=self.step)

    def finish(self, outcome: Outcome) -> None:
        """Deliver everything; trackio knows no outcome."""
        with _silent():
            self.run.finish()


def _silent() -> contextlib.redirect_stdout[io.StringIO]:
    """Keep what trackio prints out of the standard output, which is the command's."""
    return contextlib.redirect_stdout(io.StringIO())
