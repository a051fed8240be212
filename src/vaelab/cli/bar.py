"""The progress of a long measurement: a line for each step and, on a terminal, a bar with the time left."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from vaelab.loops import listening


class Bar:
    """Progress on standard error: `say` begins a step, and the loops inside it move its bar.

    Args:
        quiet: show nothing.
    """

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.bar = Progress(
            TextColumn("  "),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %, after"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
            transient=True,
        )
        self.task = self.bar.add_task("", total=1.0, visible=False)
        self.share = 0.0

    def __enter__(self) -> Self:
        self.bar.start()
        self.listening = listening(self._move)
        self.listening.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.listening.__exit__(kind, error, trace)
        self.bar.stop()

    def say(self, line: str) -> None:
        """Print the line of a new step, and begin its bar."""
        self.console.print(line, soft_wrap=True, markup=False)
        self._begin(visible=False)

    def _move(self, share: float) -> None:
        # A step can have several loops, one after the other.
        if share < self.share:
            self._begin(visible=True)
        self.share = share
        self.bar.update(self.task, completed=share, visible=True)

    def _begin(self, visible: bool) -> None:
        self.share = 0.0
        self.bar.reset(self.task, completed=0, visible=visible)
