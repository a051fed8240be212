"""What a training shows while it runs: a live bar in a terminal, a line an epoch elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vaelab.training.full_pass import Totals


def _numbers(totals: Totals) -> str:
    return f"reconstruction {totals.reconstruction:7.2f}  KL {totals.kl:5.2f}  total {totals.total:7.2f}"


class Display:
    """Progress on standard error.

    Args:
        title: what is being trained.
        epochs: epochs in all.
        steps: steps an epoch.
        show: whether to show anything at all.
    """

    def __init__(self, title: str, epochs: int, steps: int, show: bool) -> None:
        self.title = title
        self.epochs, self.steps = epochs, steps
        self.console = Console(stderr=True, quiet=not show, highlight=False)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=self.console,
            disable=not (show and self.console.is_terminal),
            transient=True,
        )
        self.task = self.bar.add_task(title, total=epochs * steps, numbers="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def say(self, line: str) -> None:
        """A line of its own."""
        self.console.print(line, soft_wrap=True)

    def step(self, epoch: int, step: int) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=(epoch - 1) * self.steps + step)

    def live(self, epoch: int, running: Totals, beta: float, speed: float) -> None:
        """The numbers within an epoch: running averages over its training images so far."""
        self.bar.update(
            self.task,
            description=f"{self.title} epoch {epoch}/{self.epochs}",
            numbers=f"{_numbers(running)}  beta {beta:.2f}  {speed:,.0f} images/s",
        )

    def epoch(self, epoch: int, running: Totals, test: Totals, beta: float, speed: float) -> None:
        """The line that an epoch leaves behind."""
        use = (
            ""
            if test.code_use is None
            else f"  perplexity {test.code_use.perplexity:.0f}, dead {test.code_use.dead:.0%}"
        )
        self.console.print(
            f"{self.title} epoch {epoch:>3}/{self.epochs}  running train {_numbers(running)}  "
            f"test total {test.total:7.2f}  beta {beta:.2f}{use}  {speed:,.0f} images/s",
            soft_wrap=True,
        )
